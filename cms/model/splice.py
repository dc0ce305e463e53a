"""Editing a file's text so that only the entries that differ change.

What stands outside the changed entries stays byte for byte, and the result is read back before it is returned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from cms.errors import Invalid
from cms.model import line_ends, toml_changes
from cms.model.document import Document, check_reads_back
from cms.model.frontmatter_format import HANDLERS, OPENING
from cms.model.pointer import refusal, refusal_at
from cms.model.yaml_changes import changes
from cms.model.yaml_places import Change
from cms.model.yaml_text import check_data
from cms.model.yaml_tree import parse
from cms.model.yaml_values import is_same


def edit(document: Document, data: Mapping[str, object] | None, body: str | None) -> str:
    """Return the file's new text with `data` as its front matter and `body` below it; None leaves either alone.

    The body gets the line ends that the file has. Equal data changes nothing, whatever its order. A deleted entry
    takes its own lines and the comment on them with it; comments on lines above stay. Raises `Invalid`, code
    `cannot_edit`, for what cannot be done exactly.
    """
    wanted = document.data if data is None else data
    body = document.body if body is None else line_ends.kept(document.body, body, document.newline)
    try:
        return _edited(document, wanted, body)
    except Invalid as error:
        if error.code != "cannot_edit" or error.problems[0].pointer != "/data":
            raise
        raise _located(document, wanted, error) from error


def _located(document: Document, wanted: Mapping[str, object], error: Invalid) -> Invalid:
    """The refusal at the first changed entry without which all before it can be saved, found by halving."""
    keys = [key for key in {**document.data, **wanted} if not _is_kept(document.data, wanted, key)]

    def is_possible(count: int) -> bool:
        data = {key: value for key, value in document.data.items() if key in wanted or key not in keys[:count]}
        try:
            _edited(document, {**data, **{key: wanted[key] for key in keys[:count] if key in wanted}}, document.body)
        except Invalid:
            return False
        return True

    if is_possible(len(keys)):
        return error  # it is the body's
    number = bisect_left(range(1, len(keys)), x=True, key=lambda count: not is_possible(count))
    return refusal("cannot_edit", f"{error.problems[0].detail}; save it alone, or edit the file by hand", keys[number])


def _is_kept(one: Mapping[str, object], other: Mapping[str, object], key: str) -> bool:
    return key in one and key in other and is_same(one[key], other[key])


def _edited(document: Document, wanted: Mapping[str, object], body: str) -> str:
    front = _front(document, wanted)
    if body == document.body:
        if front == document.text[: document.body_start]:
            return document.text
    elif not front.endswith(("\n", "\r")) and front.strip("\ufeff"):
        front += document.newline
    text = front + body
    kind = "yaml" if document.format == "none" and wanted else document.format
    if kind == "none" and OPENING.match(text):
        raise refusal_at("/body", "cannot_edit", "a body that begins with `---` or `+++` would become front matter")
    check_reads_back(text, wanted, body, kind, document.limits)
    return text


def _front(document: Document, wanted: Mapping[str, object]) -> str:
    """All that stands above the body, with the wanted data in it."""
    front = document.text[: document.body_start]
    if is_same(document.data, dict(wanted)):
        return front
    check_data(wanted, document.limits)
    if document.format == "toml":
        found = toml_changes.changes(document.raw, document.data, wanted, document.newline)
        return front[: document.raw_start] + _apply(document.raw, found) + front[document.raw_end :]
    if document.format == "none":
        lines = ["---", HANDLERS["yaml"].export(dict(wanted), limits=document.limits), "---", ""]
        return front + "\n".join(lines).replace("\n", document.newline)
    found = changes(document.raw, parse(document.raw, document.limits), document.data, wanted, document.newline)
    return front[: document.raw_start] + _apply(document.raw, found) + front[document.raw_end :]


def _apply(raw: str, found: list[Change]) -> str:
    """`raw` with the changes made; of several at one place, insertions come first, in the order given."""
    parts: list[str] = []
    position = 0
    for change in sorted(found, key=lambda change: (change.start, change.end)):
        if change.start < position:
            raise refusal("cannot_edit", "this change meets another one of the same save", *change.path)
        parts += [raw[position : change.start], change.text]
        position = change.end
    return "".join([*parts, raw[position:]])
