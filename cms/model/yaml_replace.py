"""The text that takes the place of one entry's value, in the manner of the old one.

Quotes, the gap after the colon, the comment on the line, flow or block form and the dashes' column are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from cms.model.yaml_text import STEP, block, inline, literal
from cms.model.yaml_tree import Mapping, Node, Scalar, Sequence


@dataclass(frozen=True, slots=True)
class Slot:
    """One entry's place in `raw`: its line's start, its key's column, the end of its colon, its value."""

    raw: str
    line_start: int
    column: int
    colon_end: int
    value: Node

    @property
    def comments(self) -> str:
        """The comments between colon and value, with the space before them."""
        return self.raw[self.colon_end : self.value.start].rstrip().replace("\r\n", "\n")


def replaced(slot: Slot, value: object) -> tuple[int, int, str]:
    """The span to replace, and the text to put there, whose line breaks are all `\\n`."""
    old = slot.value
    quote = quote_of(old)
    is_long = isinstance(value, list | AnyMapping) and bool(value)
    if is_long and _may_be_block(slot, value):
        if _is_dashed(slot) and isinstance(value, list):
            start, lines = old.start, block(value, _column(slot.raw, old.start), quote)
            lines[0] = lines[0].lstrip(" ")
        else:
            start, lines = slot.colon_end, [slot.comments, *block(value, slot.column + STEP, quote)]
        return start, _line_end(slot) if _is_last_on_line(slot) else old.end, "\n".join(lines)
    if _is_block(old):
        return slot.colon_end, _text_end(slot), " " + inline(value, quote) + slot.comments
    return _in_place(slot, value, quote)


def _may_be_block(slot: Slot, value: object) -> bool:
    """Whether a list or mapping may be written over several lines where the old value stands."""
    if _has_lines(value) and not _may_end_literal(slot):
        return False
    return _is_block(slot.value) or (isinstance(slot.value, Scalar) and _is_last_on_line(slot) and not _header(slot))


def _in_place(slot: Slot, value: object, quote: str) -> tuple[int, int, str]:
    """One scalar or flow collection instead of another."""
    old = slot.value
    comment = _header(slot)
    space = " " if slot.colon_end == old.start else ""
    if not quote and _may_end_literal(slot):
        style = old.style if isinstance(old, Scalar) and old.style else "|"
        lines = literal(value, slot.column + STEP, style, comment) or literal(value, slot.column + STEP, "|", comment)
        if lines:
            return old.start, _line_end(slot), space + "\n".join(lines)
    return old.start, old.end, space + inline(value, quote) + comment


def _header(slot: Slot) -> str:
    """The comment on the first line of a block scalar, with the space before it."""
    match = re.compile(r"[^ \t\r\n#]*[|>][-+0-9]*([ \t]+#[^\r\n]*)").match(slot.raw, slot.value.start)
    return match[1] if match and isinstance(slot.value, Scalar) and slot.value.style in ("|", ">") else ""


def quote_of(old: Node) -> str:
    """The quotes that the old value has, or the first value in it."""
    if isinstance(old, Sequence) and old.items:
        return quote_of(old.items[0])
    if isinstance(old, Mapping) and old.entries:
        return quote_of(old.entries[0].value)
    return old.style if isinstance(old, Scalar) and old.style in ("'", '"') else ""


def _is_block(node: Node) -> bool:
    return isinstance(node, Sequence | Mapping) and not node.is_flow


def _is_dashed(slot: Slot) -> bool:
    """A block list without tag or anchor: its span begins with the first dash."""
    return isinstance(slot.value, Sequence) and slot.raw[slot.value.start] == "-"


def _column(raw: str, position: int) -> int:
    return position - 1 - max(raw.rfind("\n", 0, position), raw.rfind("\r", 0, position))


def _has_lines(value: object) -> bool:
    if isinstance(value, AnyMapping):
        return any(map(_has_lines, value.values()))
    return any(map(_has_lines, value)) if isinstance(value, list) else isinstance(value, str) and "\n" in value


def _is_last_on_line(slot: Slot) -> bool:
    return _TO_LINE_END.match(slot.raw, slot.value.end) is not None


def _line_end(slot: Slot) -> int:
    """Where the line of the value's end breaks; only blanks stand before that."""
    match = _TO_LINE_END.match(slot.raw, slot.value.end)
    return match.end() if match else slot.value.end


def _text_end(slot: Slot) -> int:
    """Where the line of the value's end breaks, whatever stands before that."""
    return slot.value.end + len(re.split(r"[\r\n]", slot.raw[slot.value.end :], maxsplit=1)[0])


def _may_end_literal(slot: Slot) -> bool:
    """Whether nothing below would be read as more lines of a block scalar: no deeper comment, no line of blanks."""
    below = re.compile(rf"[ \t]*+(?:[\r\n]++ {{0,{slot.column}}}(?=[^ \t\r\n])|[\r\n]*+\Z)")
    return below.match(slot.raw, slot.value.end) is not None


_TO_LINE_END = re.compile(r"[ \t]*(?=[\r\n]|\Z)")
