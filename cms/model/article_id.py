"""The id that Astro gives an article: of `slug` in its front matter, or else of its path."""

from __future__ import annotations

from collections.abc import Mapping

from cms.errors import Invalid, Problem
from cms.model.ids import MOST_ID_BYTES, extension_of, id_of
from cms.model.javascript_text import text_of
from cms.model.pointer import refusal


def own_slug(data: Mapping[str, object]) -> str | None:
    """Return the id that `slug` in the front matter makes; None where its value counts as false in JavaScript.

    Raises `Invalid` for a value whose text is no id that anybody means, such as a date.
    """
    own = data.get("slug")
    if own is None or own == "" or (isinstance(own, int | float) and not own):  # `False` is one of these
        return None
    try:
        return text_of(own)
    except ValueError as error:
        raise refusal("slug_value", str(error), "slug") from error


def id_in(path: str, data: Mapping[str, object]) -> str:
    """Return the id of the file at `path` below its collection; raises `Invalid` if Astro could not build the file."""
    if not _is_found(path):
        raise _unbuilt("file_name", "the site cannot read a file with # or ? in its path; rename it")
    own = own_slug(data)
    found = id_of(path) if own is None else own
    if len(found.encode()) > MOST_ID_BYTES:
        raise _too_long(is_own=own is not None)
    if found:
        return found
    if own is None:
        raise _unbuilt("id_empty", "the site can make no id of the file's name; rename the file, or give it a `slug`")
    raise refusal("id_empty", "the site would make an empty id of this; write a text", "slug")


def _too_long(*, is_own: bool) -> Invalid:
    if is_own:
        return refusal("id_too_long", f"an id holds at most {MOST_ID_BYTES} bytes; shorten it", "slug")
    return _unbuilt("id_too_long", f"the id that it makes holds more than {MOST_ID_BYTES} bytes; rename the file")


def broken_id(path: str) -> str:
    """Return what a file that cannot be read is called: its id, or its path where that can be no article's id."""
    plain = path.removesuffix(extension_of(path))
    found = id_of(path) if _is_found(path) else ""
    return found if found and len(found.encode()) <= MOST_ID_BYTES else plain


def _is_found(path: str) -> bool:
    """Return whether Astro finds the file: it takes the path for a URL, which `#` or `?` would end."""
    return "#" not in path and "?" not in path


def _unbuilt(code: str, detail: str) -> Invalid:
    return Invalid(detail, code=code, problems=[Problem("", detail, code)])
