"""Editing a file's text so that only the entries that differ change.

What stands outside the changed entries stays byte for byte, and the result is read back before it is returned.
"""

from __future__ import annotations

from collections.abc import Mapping

from cms.errors import Invalid
from cms.model import line_ends, toml_edit
from cms.model.document import Document, check_reads_back
from cms.model.frontmatter_format import HANDLERS, OPENING
from cms.model.pointer import refusal_at
from cms.model.yaml_changes import Change, Manner, changes
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
        return _edited(document, wanted, body, by_item=True)
    except Invalid:
        # A list whose items are written in an odd way is replaced whole.
        return _edited(document, wanted, body, by_item=False)


def _edited(document: Document, wanted: Mapping[str, object], body: str, *, by_item: bool) -> str:
    front = _front(document, wanted, by_item=by_item)
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


def _front(document: Document, wanted: Mapping[str, object], *, by_item: bool) -> str:
    """All that stands above the body, with the wanted data in it."""
    front = document.text[: document.body_start]
    if is_same(document.data, dict(wanted)):
        return front
    check_data(wanted, document.limits)
    if document.format == "toml":
        text = toml_edit.edited(document.raw, document.data, wanted, by_item=by_item)
        return front[: document.raw_start] + text + front[document.raw_end :]
    if document.format == "none":
        lines = ["---", HANDLERS["yaml"].export(dict(wanted), limits=document.limits), "---", ""]
        return front + "\n".join(lines).replace("\n", document.newline)
    manner = Manner(document.newline, by_item)
    found = changes(document.raw, parse(document.raw, document.limits), document.data, wanted, manner)
    return front[: document.raw_start] + _apply(document.raw, found) + front[document.raw_end :]


def _apply(raw: str, found: list[Change]) -> str:
    """`raw` with the changes made; of several at one place, insertions come first, in the order given."""
    parts: list[str] = []
    position = 0
    for change in sorted(found, key=lambda change: (change.start, change.end)):
        parts += [raw[position : change.start], change.text]
        position = change.end
    return "".join([*parts, raw[position:]])
