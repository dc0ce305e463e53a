"""Changes within flow collections, `[a, b]` and `{a: 1}`, over one line or many: item by item, entry by entry.

TOML's arrays and inline tables are changed here too; what is written is told by a `Writer`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from typing import Final, Protocol

from cms.model.yaml_lists import steps
from cms.model.yaml_places import Change, Path, Source, cannot, check_own, has_alias, has_colon, lead_of
from cms.model.yaml_replace import quote_of
from cms.model.yaml_text import inline
from cms.model.yaml_tree import Mapping, Node, Sequence
from cms.model.yaml_values import is_merge, is_same, key_of

_COMMA: Final = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+,")
_BEFORE: Final = re.compile(r"[ \t]*(,?)[ \t]*")
_AFTER: Final = re.compile(r"[ \t]*(,?)[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r)")
_BLANKS: Final = re.compile(r"[ \t]*")


class Writer(Protocol):
    """Writes values on one line, as they stand in a flow collection."""

    def value(self, value: object, quote: str) -> str:
        """Return the value's text, its strings in the quotes `quote` where these can hold them."""

    def pair(self, key: str, value: object) -> str:
        """Return the text of a new entry."""


class YamlWriter:
    """Writes what stands in `[…]` and `{…}` of YAML."""

    def value(self, value: object, quote: str) -> str:
        return inline(value, quote, is_flow=True)

    def pair(self, key: str, value: object) -> str:
        return f"{inline(key, is_flow=True)}: {inline(value, is_flow=True)}"


@dataclass(frozen=True, slots=True)
class Flow:
    """The flow collections of one text."""

    source: Source
    writer: Writer

    def changes(self, node: Node, old: object, new: object, path: Path) -> Iterator[Change]:
        """Yield what turns the flow node, which holds `old`, into `new`."""
        if isinstance(node, Mapping) and isinstance(old, dict) and isinstance(new, dict) and self._may(node, old, new):
            yield from self._of_mapping(node, old, new, path)
        elif isinstance(node, Sequence) and node.items and isinstance(old, list) and isinstance(new, list) and new:
            yield from self._of_sequence(node, old, new, path)
        else:
            if has_alias(node):
                raise cannot("its value is an alias `*name`; edit the file by hand", path)
            space = " " if self.source.raw[node.start - 1 : node.start] == ":" else ""
            yield Change(node.start, node.end, space + self.writer.value(new, quote_of(node)), path)

    def _may(self, node: Mapping, old: AnyMapping[str, object], new: AnyMapping[str, object]) -> bool:
        """Whether entries stay or come; the one entry of `[a: 1]` has no braces and cannot get others beside it."""
        is_braced = self.source.raw[node.end - 1] == "}"
        return bool(node.entries and new) and (is_braced or old.keys() == new.keys())

    def _of_mapping(
        self, node: Mapping, old: AnyMapping[str, object], new: AnyMapping[str, object], path: Path
    ) -> Iterator[Change]:
        numbers = {key_of(entry.key): number for number, entry in enumerate(node.entries) if not is_merge(entry.key)}
        check_own(numbers, old, new, path)
        for key, number in numbers.items():
            entry = node.entries[number]
            if key not in new or is_same(old[key], new[key]):
                continue
            if entry.value.end > entry.value.start or has_colon(self.source.raw, entry):
                yield from self.changes(entry.value, old[key], new[key], (*path, key))
            else:
                yield Change(entry.key.end, entry.key.end, ": " + self.writer.value(new[key], ""), (*path, key))
        cells = [(lead_of(self.source.raw, entry.key), entry.value.end) for entry in node.entries]
        gone = {number: (*path, key) for key, number in numbers.items() if key not in new}
        kept = [number for number in range(len(cells)) if number not in gone]
        added = [self.writer.pair(key, new[key]) for key in new if key not in old]
        if added and not kept:
            yield Change(*cells[0], ", ".join(added), gone.pop(0))
        elif added:
            end = cells[kept[-1]][1]
            text = "".join(f", {pair}" for pair in added)
            space = " " if self.source.raw[end - 1] == ":" else ""
            yield Change(end, end, space + text, (*path, next(key for key in new if key not in old)), node)
        yield from self._removed(node, cells, gone)

    def _of_sequence(self, node: Sequence, old: list[object], new: list[object], path: Path) -> Iterator[Change]:
        gone: dict[int, Path] = {}
        for step in steps(old, new):
            where = (*path, step.new)
            if step.kind == "set":
                yield from self.changes(node.items[step.old], old[step.old], new[step.new], where)
            elif step.kind == "delete":
                gone[step.old] = where
            else:
                beside = node.items[max(step.old - 1, 0)]
                text = self.writer.value(new[step.new], quote_of(beside))
                text = f", {text}" if step.old else f"{text}, "
                position = beside.end if step.old else beside.start
                yield Change(position, position, text, where, node)
        yield from self._removed(node, [(item.start, item.end) for item in node.items], gone)

    def _removed(
        self, node: Mapping | Sequence, cells: list[tuple[int, int]], gone: AnyMapping[int, Path]
    ) -> Iterator[Change]:
        """Yield the removal of some cells, each with one comma, and with its line when it has that to itself."""
        end_of_kept = max((number for number in range(len(cells)) if number not in gone), default=0)
        for number, path in sorted(gone.items()):
            start, end = cells[number]
            lines = self._own_lines(node, start, end, is_last=number == len(cells) - 1)
            spans = [lines] if lines else self._with_comma(start, end, is_tail=number > end_of_kept)
            yield from (Change(*span, "", path) for span in spans)
        if len(cells) - 1 in gone:
            yield from self._comma_before(cells, end_of_kept + 1, gone[len(cells) - 1])

    def _own_lines(self, node: Node, start: int, end: int, *, is_last: bool) -> tuple[int, int] | None:
        """The lines of a cell, its comma and the comment behind it, when nothing else stands on them."""
        first, after = self.source.line_start(start), self.source.line_end(end)
        if first <= node.start or after >= node.end:
            return None
        before = _BEFORE.fullmatch(self.source.raw, first, start)
        behind = _AFTER.fullmatch(self.source.raw, end, after)
        if before is None or behind is None:
            return None
        commas = len(before[1]) + len(behind[1])
        return (first, after) if commas == 1 or (commas == 0 and is_last) else None

    def _with_comma(self, start: int, end: int, *, is_tail: bool) -> Iterator[tuple[int, int]]:
        """Yield the spans of a cell and of the comma behind it; a comment between the two stays."""
        raw = self.source.raw
        comma = _COMMA.match(raw, end)
        blank = self.source.blanks_start(start)
        if comma is None:
            yield blank, end
            return
        behind = _BLANKS.match(raw, comma.end())
        assert behind is not None
        if raw[end : comma.end() - 1].strip(" \t"):
            yield (blank if is_tail else start), end
            yield comma.end() - 1, comma.end() if is_tail else behind.end()
        elif is_tail or raw[behind.end()] in "#\r\n":
            yield blank, comma.end()
        else:
            yield start, behind.end()

    def _comma_before(self, cells: list[tuple[int, int]], first: int, path: Path) -> Iterator[Change]:
        """Yield the removal of the comma behind the last cell that stays, unless it may stand at the end of its line.

        A comma that stood behind the last cell of all has gone with that.
        """
        comma = _COMMA.match(self.source.raw, cells[first - 1][1], cells[first][0])
        assert comma is not None
        between = self.source.raw[cells[first - 1][1] : cells[first][0]]
        if not between.strip(" \t,"):
            yield Change(cells[first - 1][1], comma.end(), "", path)
