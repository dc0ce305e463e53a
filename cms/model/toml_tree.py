"""Where the tables, keys and values of a TOML front matter stand in its text, which is known to be valid.

Arrays and inline tables are flow collections, as those of YAML are.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import Final

from cms.model.yaml_places import Path
from cms.model.yaml_tree import Entry, Mapping, Node, Scalar, Sequence

_SKIP: Final = re.compile(r"(?:[ \t\r\n]++|#[^\r\n]*+)*+")
_SKIP_COMMA: Final = re.compile(r"(?:[ \t\r\n,]++|#[^\r\n]*+)*+")
_KEY: Final = re.compile(r"""[ \t]*("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*'|[A-Za-z0-9_-]+)[ \t]*(\.)?""")
_EQUALS: Final = re.compile(r"[ \t]*=[ \t]*")
_CLOSING: Final = re.compile(r"[ \t]*\]\]?")
_SCALAR: Final = re.compile(
    r'''"""(?:\\[\s\S]|[^\\])*?"""(?!")|\'\'\'[\s\S]*?\'\'\'(?!\')|"(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*\''''
    r"""|\d{4}-\d\d-\d\d \d\d:[^\s,\]}#]+|[^\s,\]}#]+"""
)


@dataclass(frozen=True, slots=True)
class Pair:
    """One `key = value`; `path` leads from the top, `holder` to its table, and `start` is where the key stands."""

    path: Path
    holder: Path
    start: int
    node: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its own pairs; `header` is the span of its `[name]` or `[[name]]`, None for the top one.

    An item of an array of tables has its index in its path.
    """

    path: Path
    header: tuple[int, int] | None
    pairs: list[Pair] = field(default_factory=list)

    @property
    def end(self) -> int:
        """Return the offset at which its last pair ends, or its header."""
        return self.pairs[-1].node.end if self.pairs else self.header[1] if self.header else 0


def tables_of(raw: str) -> list[Table]:
    """Return all tables in the order of the text, the top one first."""
    tables = [Table((), None)]
    counts: dict[Path, int] = {}
    position = _skipped(raw, 0)
    while position < len(raw):
        if raw[position] == "[":
            is_item = raw.startswith("[[", position)
            keys, end = _keys(raw, position + (2 if is_item else 1))
            closing = _CLOSING.match(raw, end)
            assert closing is not None
            tables.append(Table(_resolved(keys, counts, is_item=is_item), (position, closing.end())))
            position = closing.end()
        else:
            pair = _pair(raw, position, tables[-1].path)
            tables[-1].pairs.append(pair)
            position = pair.node.end
        position = _skipped(raw, position)
    return tables


def _resolved(keys: list[str], counts: dict[Path, int], *, is_item: bool) -> Path:
    """The path that a header means: an array of tables on the way means its last item so far."""
    path: Path = ()
    for number, key in enumerate(keys, start=1):
        path = (*path, key)
        if is_item and number == len(keys):
            counts[path] = counts.get(path, 0) + 1
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _pair(raw: str, position: int, path: Path) -> Pair:
    keys, end = _keys(raw, position)
    return Pair((*path, *keys), path, position, _value(raw, _behind_equals(raw, end)))


def _keys(raw: str, position: int) -> tuple[list[str], int]:
    """The parts of a key, which may be dotted, and where it ends."""
    keys: list[str] = []
    while True:
        match = _KEY.match(raw, position)
        assert match is not None
        keys.append(tomllib.loads(f"_ = {match[1]}")["_"] if match[1][0] in "\"'" else match[1])
        position = match.end()
        if not match[2]:
            return keys, match.end(1)


def _behind_equals(raw: str, position: int) -> int:
    match = _EQUALS.match(raw, position)
    assert match is not None
    return match.end()


def _value(raw: str, start: int) -> Node:
    if raw[start] == "[":
        items: list[Node] = []
        position = _skipped(raw, start + 1, _SKIP_COMMA)
        while raw[position] != "]":
            items.append(_value(raw, position))
            position = _skipped(raw, items[-1].end, _SKIP_COMMA)
        return Sequence(start, position + 1, 0, None, None, is_flow=True, items=items)
    if raw[start] == "{":
        return _inline_table(raw, start)
    match = _SCALAR.match(raw, start)
    assert match is not None
    style = match[0][0] if match[0][0] in "\"'" else ""
    return Scalar(start, match.end(), 0, None, None, match[0], style)


def _inline_table(raw: str, start: int) -> Mapping:
    """The table; with a dotted key in it, it has no entries, for it can only be written anew as a whole."""
    table, is_plain = Mapping(start, start, 0, None, None, is_flow=True), True
    position = _skipped(raw, start + 1, _SKIP_COMMA)
    while raw[position] != "}":
        keys, end = _keys(raw, position)
        is_plain = is_plain and len(keys) == 1
        key = Scalar(position, end, 0, None, None, keys[0], '"')
        table.entries.append(Entry(key, _value(raw, _behind_equals(raw, end))))
        position = _skipped(raw, table.entries[-1].value.end, _SKIP_COMMA)
    table.end = position + 1
    if not is_plain:
        table.entries.clear()
    return table


def _skipped(raw: str, position: int, what: re.Pattern[str] = _SKIP) -> int:
    match = what.match(raw, position)
    assert match is not None
    return match.end()
