"""Where the parts of a block collection stand in the text, and one change to that text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from cms.errors import Invalid
from cms.model.pointer import refusal
from cms.model.yaml_tree import Alias, Entry, Mapping, Node, Scalar, Sequence
from cms.model.yaml_values import is_same

Path = tuple[str | int, ...]

_BLANK: Final = r"(?:[ \t\r\n]++|#[^\r\n]*+)*+"
_COLON: Final = re.compile(_BLANK + ":")
_QUESTION: Final = re.compile(r"(?:[ \t\r\n]++|(?<=[ \t\r\n])#[^\r\n]*+|[&!][^ \t\r\n]*+)*+(\?)[ \t\r\n]")
_DASH: Final = re.compile(r"(?:[ \t\r\n]++|(?<=[ \t\r\n])#[^\r\n]*+|[&!][^ \t\r\n]*+)*+(-)(?=[ \t\r\n]|\Z)")
_ENDS: Final = re.compile(r"[ \t]*+(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True, slots=True)
class Change:
    """`text` instead of the span; `within` is the collection that an addition makes longer."""

    start: int
    end: int
    text: str
    path: Path
    within: Mapping | Sequence | None = None


@dataclass(frozen=True)
class Source:
    """A YAML text, and where its lines begin."""

    raw: str

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", self.raw))]

    def line_start(self, position: int) -> int:
        return self._starts[bisect_right(self._starts, position) - 1]

    def line_end(self, position: int) -> int:
        """Return where the next line begins, or the end of the text."""
        number = bisect_right(self._starts, position)
        return self._starts[number] if number < len(self._starts) else len(self.raw)

    def text_end(self, position: int) -> int:
        """Return where the line breaks, whatever stands before that."""
        return position + len(self.raw[position : self.line_end(position)].rstrip("\r\n"))

    def blanks_start(self, position: int) -> int:
        """Return where the blanks begin that stand before a position on its line."""
        while position and self.raw[position - 1] in " \t":
            position -= 1
        return position

    def is_last_on_line(self, position: int) -> bool:
        return _ENDS.match(self.raw, position) is not None

    def may_end_literal(self, position: int, column: int) -> bool:
        """Return whether nothing below would be read as more lines of a block scalar at `column` that ends here.

        That would be a comment that stands deeper, or a line of blanks.
        """
        below = rf"[ \t]*+(?:(?:[\r\n]++|(?<=[\r\n])) {{0,{column}}}(?=[^ \t\r\n])|[\r\n]*+\Z)"
        return re.compile(below).match(self.raw, position) is not None


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of one child of a block collection.

    `lead` is where its `?`, key or dash stands; `gap` is behind its colon or dash, None for a key without a colon.
    """

    source: Source
    lead: int
    gap: int | None
    key: Node | None
    node: Node

    @property
    def column(self) -> int:
        return self.lead - self.source.line_start(self.lead)

    @property
    def end(self) -> int:
        return max(self.node.end, self.gap or 0)

    @property
    def is_alone(self) -> bool:
        """Whether only blanks stand before it on its line, which is not that of the opening fence."""
        start = self.source.line_start(self.lead)
        return start > 0 and not self.source.raw[start : self.lead].strip(" ")

    @property
    def comments(self) -> str:
        """The comments between colon or dash and value, with the space before them and line breaks `\\n`."""
        return self.source.raw[self.gap : self.node.start].rstrip().replace("\r\n", "\n")


def slots_of(source: Source, node: Mapping | Sequence) -> list[Slot]:
    """Return the places of all children, in their order."""
    after = node.start
    slots = []
    for child in node.items if isinstance(node, Sequence) else node.entries:
        slot = _entry_slot(source, child, after) if isinstance(child, Entry) else _item_slot(source, child, after)
        slots.append(slot)
        after = slot.end
    return slots


def _entry_slot(source: Source, entry: Entry, after: int) -> Slot:
    question = _QUESTION.match(source.raw, after, entry.key.start + 1)
    lead = entry.key.start if question is None or question.start(1) >= entry.key.start else question.start(1)
    colon = _COLON.match(source.raw, entry.key.end, max(entry.key.end, entry.value.start))
    return Slot(source, lead, None if colon is None else colon.end(), entry.key, entry.value)


def _item_slot(source: Source, item: Node, after: int) -> Slot:
    dash = _DASH.match(source.raw, after, item.start + 1)
    assert dash is not None
    return Slot(source, dash.start(1), dash.end(1), None, item)


def settle(raw: str, node: Node) -> None:
    """Let each key without a colon, and what holds it, end with the key: the parser sees its value further below."""
    if isinstance(node, Sequence):
        for item in node.items:
            settle(raw, item)
        if node.items and not node.is_flow:
            node.end = node.items[-1].end
    elif isinstance(node, Mapping):
        for entry in node.entries:
            settle(raw, entry.value)
            value = entry.value
            if isinstance(value, Scalar) and value.start == value.end and not has_colon(raw, entry):
                value.start = value.end = entry.key.end
        if node.entries and not node.is_flow:
            node.end = max(node.entries[-1].key.end, node.entries[-1].value.end)


def lead_of(raw: str, key: Node) -> int:
    """Return where a flow mapping's entry begins: with its key, or the `?` before that."""
    start = key.start
    while raw[start - 1] in " \t\r\n":
        start -= 1
    return start - 1 if raw[start - 1] == "?" else key.start


def has_colon(raw: str, entry: Entry) -> bool:
    """Return whether a colon stands between key and value, which may both be empty."""
    return _COLON.match(raw, entry.key.end, max(entry.key.end, entry.value.start)) is not None


def has_alias(node: Node) -> bool:
    """Return whether the node is an alias, or holds one."""
    if isinstance(node, Sequence):
        return any(map(has_alias, node.items))
    if isinstance(node, Mapping):
        return any(has_alias(entry.key) or has_alias(entry.value) for entry in node.entries)
    return isinstance(node, Alias)


def check_own(own: Container[str], old: AnyMapping[str, object], new: AnyMapping[str, object], path: Path) -> None:
    """Refuse to change an entry that the mapping has by a merge key only."""
    for key in old:
        if key not in own and not (key in new and is_same(old[key], new[key])):
            raise cannot("it comes from a merge key `<<`; edit the file by hand", (*path, key))


def cannot(reason: str, path: Path) -> Invalid:
    """Return the refusal of an edit at a place."""
    return refusal("cannot_edit", reason, *path)
