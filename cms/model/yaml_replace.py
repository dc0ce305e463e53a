"""The text that takes the place of one entry's value, in the manner of the old one.

Quotes, the gap after the colon, the comment on the line, flow or block form and the dash are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping

from cms.model.yaml_places import Slot
from cms.model.yaml_text import STEP, block, inline, literal
from cms.model.yaml_tree import Mapping, Node, Scalar, Sequence


def replaced(slot: Slot, value: object) -> tuple[int, int, str]:
    """Return the span to replace, and the text to put there, whose line breaks are all `\\n`."""
    old, source = slot.node, slot.source
    assert slot.gap is not None
    quote = quote_of(old)
    if isinstance(value, list | AnyMapping) and value and _may_be_block(slot, value):
        is_last = source.is_last_on_line(old.end)
        return slot.gap, source.text_end(old.end) if is_last else old.end, _block(slot, value, quote)
    if _is_block(old):
        is_one_line = source.line_start(old.end) == source.line_start(slot.lead)
        end = old.end if is_one_line else source.text_end(old.end)  # a comment behind it is that of its last entry
        return slot.gap, end, " " + inline(value, quote) + slot.comments
    return _in_place(slot, value, quote)


def _block(slot: Slot, value: object, quote: str) -> str:
    if slot.key is not None or slot.comments:
        return "\n".join([slot.comments, *block(value, slot.column + STEP, quote)])
    assert slot.gap is not None
    between = slot.source.raw[slot.gap : slot.node.start]
    width = len(between) if between.strip(" ") == "" else 0
    lines = block(value, slot.column + 1 + max(width, 1), quote)
    return "\n".join([lines[0][slot.column + 1 :], *lines[1:]])


def _may_be_block(slot: Slot, value: object) -> bool:
    """Whether a list or mapping may be written over several lines where the old value stands."""
    source, old = slot.source, slot.node
    if has_lines(value) and not source.may_end_literal(old.end, slot.column):
        return False
    return _is_block(old) or (isinstance(old, Scalar) and source.is_last_on_line(old.end) and not _header(slot))


def _in_place(slot: Slot, value: object, quote: str) -> tuple[int, int, str]:
    """One scalar or flow collection instead of another."""
    old = slot.node
    comment = _header(slot)
    space = " " if slot.gap == old.start else ""
    if not quote and slot.source.may_end_literal(old.end, slot.column):
        style = old.style if isinstance(old, Scalar) and old.style else "|"
        column = slot.column + STEP
        lines = literal(value, column, style, comment) or literal(value, column, "|", comment)
        if lines:
            return old.start, slot.source.text_end(old.end), space + "\n".join(lines)
    return old.start, old.end, space + inline(value, quote) + comment


def _header(slot: Slot) -> str:
    """The comment on the first line of a block scalar, with the space before it."""
    match = re.compile(r"[^ \t\r\n#]*[|>][-+0-9]*([ \t]+#[^\r\n]*)").match(slot.source.raw, slot.node.start)
    return match[1] if match and isinstance(slot.node, Scalar) and slot.node.style in ("|", ">") else ""


def quote_of(old: Node) -> str:
    """Return the quotes that the old value has, or the first value in it."""
    if isinstance(old, Sequence) and old.items:
        return quote_of(old.items[0])
    if isinstance(old, Mapping) and old.entries:
        return quote_of(old.entries[0].value)
    return old.style if isinstance(old, Scalar) and old.style in ("'", '"') else ""


def has_lines(value: object) -> bool:
    """Return whether a text of several lines is in the value."""
    if isinstance(value, AnyMapping):
        return any(map(has_lines, value.values()))
    return any(map(has_lines, value)) if isinstance(value, list) else isinstance(value, str) and "\n" in value


def _is_block(node: Node) -> bool:
    return isinstance(node, Sequence | Mapping) and not node.is_flow
