"""Compares what the service reads of a file's front matter with what the site's own parser reads of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from cms.errors import Invalid
from cms.model.article import iso
from tests.model.reading import read

_MARKS = {"$date", "$number", "$other"}
"""Keys of what stands for a value that JSON does not have."""


def plain(value: object) -> object:
    """Return a value as `read_in_javascript` gives it."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return {"$date": iso(value) if isinstance(value, datetime) else f"{value.isoformat()}T00:00:00.000Z"}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def compared(text: str, site: dict[str, Any]) -> tuple[str, str]:
    """Return one word for how the file's front matter was judged, and what is different, empty when nothing is.

    The word is `same`, `refused`, the name of an exception, or `different`.
    """
    try:
        ours = read(text.encode()).data
    except Invalid as error:
        if "error" in site:
            return "refused", ""
        exception = _exception(error.code, site["value"])
        return exception or "different", "" if exception else f"refused: {error.detail}, there {site['value']!r}"
    if "error" in site:
        return "different", f"accepted as {ours!r}, there {site['error']}"
    if plain(ours) == plain(site["value"]):
        return "same", ""
    return "different", f"{ours!r}, there {site['value']!r}"


def _exception(code: str, value: Any) -> str | None:
    """Return the name of the exception that a file is broken for here alone, None when there is no such exception."""
    if code in ("yaml_tag", "yaml_key") or code.startswith("yaml_too_"):
        return code
    if code == "not_a_mapping" and (not isinstance(value, dict) or not value or _MARKS & value.keys()):
        return code
    if code == "yaml_value" and any(map(_has_no_json, _leaves(value))):
        return "no JSON"
    if code == "yaml_syntax" and any(isinstance(leaf, str) and _is_half(leaf) for leaf in _leaves(value)):
        return "half of a surrogate pair"
    return None


def _leaves(value: Any) -> list[Any]:
    """Return the scalars and keys of a value, dates and odd numbers as their `{"$…": …}`."""
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    if isinstance(value, dict) and not _MARKS & value.keys():
        return [*value, *(leaf for item in value.values() for leaf in _leaves(item))]
    return [value]


def _has_no_json(leaf: Any) -> bool:
    """Infinite numbers, dates after the year 9999, and the NUL character, which no text of a database may hold."""
    if isinstance(leaf, dict):
        return "$number" in leaf or str(leaf.get("$date", "")).startswith(("invalid", "+"))
    return isinstance(leaf, str) and "\0" in leaf


def _is_half(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
