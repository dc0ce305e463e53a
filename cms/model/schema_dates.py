"""The dates of a collection's schema: which of its nodes are dates to the site, and how an article's dates meet them.

JSON has no dates, so a JSON Schema cannot tell `z.date()` from a text of that form. Here it can: each node that Astro
wrote for a date gets the format `FORMAT`, and each date of front matter is validated as an object that holds its text.
A date where the site expects a text, a number or a list is then an error by the schema itself, however it is nested.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from cms.model.js_date import MAX_MS, read_date

FORMAT: Final = "javascript-date"
DATE_FORMATS: Final = ("date", "date-time")
MARK: Final = "\0date"
"""The key of a date in front matter that is validated; no front matter has such a key."""

_DATE = {"format": FORMAT, "required": [MARK], "minimum": -MAX_MS, "maximum": MAX_MS}
_NO_DATE = {"not": {"required": [MARK]}}
_NAMED = ("properties", "patternProperties", "definitions", "$defs", "dependentSchemas")
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems", "items")
_SINGLE = (
    "items", "additionalItems", "additionalProperties", "propertyNames", "contains", "not", "if", "then", "else",
    "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_SHOWN = re.compile(r'\{"\\u0000date":("(?:[^"\\]|\\.)*")\}')


def with_dates(document: Any) -> Any:
    """Return the schema with its dates told apart from texts.

    Astro 5 writes a date as three options and a text of the form of a date as one; its schemas begin with `$ref`. Astro
    6 and 7 write a date as `date-time`, and such a text with a `pattern` besides.
    """
    has_options = isinstance(document, dict) and isinstance(document.get("$ref"), str)
    return _with_dates(document, has_options)


def marked(data: Any, pointers: Iterable[str]) -> Any:
    """Return JSON data with the dates at these pointers marked; what holds none is shared with `data`."""
    root = {"": data}
    for pointer in pointers:
        holder: Any = root
        parts: list[Any] = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")]
        for part, below in zip(parts, [*parts[1:], None], strict=True):
            place = int(part) if isinstance(holder, list) else part
            value = holder[place]
            holder[place] = {MARK: value} if below is None else value.copy()
            holder = holder[place]
    return root[""]


def unmarked(text: str) -> str:
    """Return a message of the schema library with marked dates as texts."""
    return _SHOWN.sub(r"\1", text)


def is_date(node: object) -> bool:
    """Whether a node of a schema that `with_dates` returned is a date."""
    return isinstance(node, dict) and node.get("format") == FORMAT


def reads_as_date(text: str) -> bool:
    """Whether the text is valid where the schema has the format `FORMAT`."""
    return read_date(text) is not None


def _with_dates(node: Any, has_options: bool, in_union: bool = False) -> Any:
    if not isinstance(node, dict):
        return node
    types = _types(node)
    if _is_three_options(node) if has_options else _is_text_of_date(node, types):
        return {"type": ["string", "number", "object", *(name for name in types if name == "null")], **_DATE}
    found = {
        name: _below(name, value, has_options, in_union or name in ("anyOf", "oneOf")) for name, value in node.items()
    }
    if in_union and has_options and found.get("additionalProperties") is False:
        del found["additionalProperties"]  # Zod lets other keys pass; here they would rule an option out
    if "object" in types:
        found["allOf"] = [*found.get("allOf", []), _NO_DATE]
    return found


def _below(name: str, value: Any, has_options: bool, in_union: bool) -> Any:
    """Return what stands in a node under this name, with its dates where that is a schema or several."""
    if name in _NAMED and isinstance(value, dict):
        return {key: _with_dates(node, has_options, in_union) for key, node in value.items()}
    if name in _LISTED and isinstance(value, list):
        return [_with_dates(node, has_options, in_union) for node in value]
    return _with_dates(value, has_options, in_union) if name in _SINGLE else value


def _is_three_options(node: dict[str, Any]) -> bool:
    options = node.get("anyOf")
    if not isinstance(options, list):
        return False
    forms = {option.get("format") for option in options if isinstance(option, dict)}
    return forms == {*DATE_FORMATS, "unix-time"}


def _is_text_of_date(node: dict[str, Any], types: list[str]) -> bool:
    return node.get("format") in DATE_FORMATS and "pattern" not in node and {*types} <= {"string", "null"}


def _types(node: dict[str, Any]) -> list[str]:
    given = node.get("type", [])
    return [given] if isinstance(given, str) else list(given) if isinstance(given, list) else []
