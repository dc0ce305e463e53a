"""What must change in a TOML text so that it holds other data: a list of spans and what to put there."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence as AnySequence
from typing import Final

from cms.model.toml_tree import Pair, Table, tables_of
from cms.model.yaml_flow import Flow
from cms.model.yaml_lists import steps
from cms.model.yaml_places import Change, Path, Source, cannot
from cms.model.yaml_replace import quote_of
from cms.model.yaml_text import inline
from cms.model.yaml_tree import Scalar
from cms.model.yaml_values import is_same

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_BLANK_LINE: Final = re.compile(r"[ \t]*(?:\r\n|\n)")


def changes(raw: str, data: AnyMapping[str, object], wanted: AnyMapping[str, object], newline: str) -> list[Change]:
    """Return the changes that turn `data`, which `raw` holds, into `wanted`; raises `Invalid`, code `cannot_edit`."""
    _check_no_null(wanted, ())
    return list(_Planner(raw, newline).of_table(data, wanted, ()))


def _check_no_null(value: object, path: Path) -> None:
    if value is None:
        raise cannot("TOML has no null; leave the field out", path)
    items = value.items() if isinstance(value, AnyMapping) else enumerate(value) if isinstance(value, list) else ()
    for name, item in items:
        _check_no_null(item, (*path, name))


class _Writer:
    def value(self, value: object, quote: str = "") -> str:
        if isinstance(value, AnyMapping):
            return "{" + ", ".join(self.pair(key, item) for key, item in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(self.value(item, quote) for item in value) + "]"
        if isinstance(value, str):
            return f"'{value}'" if quote == "'" and "'" not in value and value.isprintable() else _basic(value)
        return inline(value)

    def pair(self, key: str, value: object) -> str:
        return f"{_key(key)} = {self.value(value)}"


def _basic(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str | int) -> str:
    return str(name) if _BARE_KEY.fullmatch(str(name)) else _basic(str(name))


class _Planner:
    def __init__(self, raw: str, newline: str) -> None:
        self.source, self.newline, self.writer = Source(raw), newline, _Writer()
        self.flow = Flow(self.source, self.writer)
        self.tables: dict[Path, Table] = {}
        self.pairs: dict[Path, Pair] = {}
        self.below: defaultdict[Path, list[Pair | Table]] = defaultdict(list)
        for table in tables_of(raw):
            self.tables[table.path] = table
            parts: list[Pair | Table] = [table, *table.pairs]
            for part in parts:
                for length in range(1, len(part.path) + 1):
                    self.below[part.path[:length]].append(part)
            self.pairs |= {pair.path: pair for pair in table.pairs}

    def of_table(self, old: AnyMapping[str, object], new: AnyMapping[str, object], path: Path) -> Iterator[Change]:
        for key, value in old.items():
            where = (*path, key)
            if key not in new:
                yield from self._deleted(where)
            elif not is_same(value, new[key]):
                yield from self._set(where, value, new[key])
        added = {key: value for key, value in new.items() if key not in old}
        if added:
            yield self._added(path, added)

    def _set(self, where: Path, old: object, new: object) -> Iterator[Change]:
        pair = self.pairs.get(where)
        if pair is not None and isinstance(pair.node, Scalar):
            text = self._long(pair.node.text, new) or self.writer.value(new, quote_of(pair.node))
            yield Change(pair.node.start, pair.node.end, text, where)
        elif pair is not None:
            yield from self.flow.changes(pair.node, old, new, where)
        elif isinstance(old, dict) and isinstance(new, dict) and (new or where in self.tables):
            yield from self.of_table(old, new, where)
        elif isinstance(old, list) and isinstance(new, list) and new:
            yield from self._of_items(where, old, new)
        elif isinstance(first := self.below[where][0], Pair):
            yield Change(first.start, first.node.end, self._named(where[len(first.holder) :], new), where)
            yield from self._deleted(where, self.below[where][1:])
        else:
            yield from self._deleted(where)
            yield self._added(where[:-1], {str(where[-1]): new})

    def _of_items(self, where: Path, old: list[object], new: list[object]) -> Iterator[Change]:
        """Yield the changes of an array of tables."""
        for number, item in enumerate(new):
            if not isinstance(item, dict):
                raise cannot("an item of an array of tables is a table; edit the file by hand", (*where, number))
        for step in steps(old, new):
            here = (*where, step.old)
            if step.kind == "delete":
                yield from self._deleted(here)
                continue
            item = new[step.new]
            assert isinstance(item, dict)
            if step.kind == "set":
                was = old[step.old]
                assert isinstance(was, dict)
                yield from self.of_table(was, item, here)
            else:
                text = self._header(where, "[[", "]]") + self._lines(item, "")
                yield self._beside(here, text)

    def _beside(self, here: Path, text: str) -> Change:
        """A new table above the item at `here`, or below the last one when there is none."""
        before = self.below.get((*here[:-1], int(here[-1]) - 1))
        if before:
            position = self.source.line_end(max(_end(part) for part in before))
            return Change(position, position, self.newline + text, here)
        position = self.source.line_start(min(_start(part) for part in self.below[here]))
        return Change(position, position, text + self.newline, here)

    def _named(self, keys: Path, value: object) -> str:
        """The text of a pair whose key is dotted when `keys` are several."""
        return f"{'.'.join(map(_key, keys))} = {self.writer.value(value)}"

    def _deleted(self, where: Path, found: AnySequence[Pair | Table] | None = None) -> Iterator[Change]:
        """Yield the removal of lines; comments on lines of their own stay, and the blank line below a table goes."""
        parts = sorted(self.below[where] if found is None else found, key=_start)
        for number, part in enumerate(parts):
            end = self.source.line_end(part.node.end if isinstance(part, Pair) else _start(part))
            is_last = number == len(parts) - 1 or isinstance(parts[number + 1], Table)
            if is_last and isinstance(parts[0], Table) and (blank := _BLANK_LINE.match(self.source.raw, end)):
                end = blank.end()
            yield Change(self.source.line_start(_start(part)), end, "", where)

    def _added(self, path: Path, added: AnyMapping[str, object]) -> Change:
        """New pairs as the last ones of their table, which gets a header when it has none."""
        where, table = (*path, next(iter(added))), self.tables.get(path)
        if table is not None:
            position = self.source.line_end(table.end)
            return Change(position, position, self._lines(added, "", table.pairs[-1:]), where)
        dotted = [part for part in self.below[path] if isinstance(part, Pair) and len(part.holder) < len(path)]
        if dotted:
            position = self.source.line_end(dotted[-1].node.end)
            prefix = "".join(f"{_key(part)}." for part in path[len(dotted[-1].holder) :])
            return Change(position, position, self._lines(added, prefix, dotted[-1:]), where)
        position = self.source.line_start(min(map(_start, self.below[path])))
        text = self._header(path, "[", "]") + self._lines(added, "") + self.newline
        return Change(position, position, text, where)

    def _lines(self, added: AnyMapping[str, object], prefix: str, beside: list[Pair] | None = None) -> str:
        """The lines of new pairs, indented as the one above them."""
        blank = " " * (beside[0].start - self.source.line_start(beside[0].start)) if beside else ""
        pairs = (self.writer.pair(key, value) for key, value in added.items())
        return "".join(f"{blank}{prefix}{pair}{self.newline}" for pair in pairs)

    def _header(self, path: Path, opening: str, closing: str) -> str:
        name = ".".join(_key(part) for part in path if isinstance(part, str))
        return f"{opening}{name}{closing}{self.newline}"

    def _long(self, written: str, new: object) -> str | None:
        """Text of several lines in the three quotes that stand there."""
        if written[:3] not in ('"""', "'''") or not isinstance(new, str) or "\n" not in new:
            return None
        first = self.newline if written[3:4] in ("\r", "\n") or new.startswith("\n") else ""
        return '"""' + first + self.newline.join(_basic(line)[1:-1] for line in new.split("\n")) + '"""'


def _start(part: Pair | Table) -> int:
    return part.start if isinstance(part, Pair) else part.header[0] if part.header else 0


def _end(part: Pair | Table) -> int:
    return part.node.end if isinstance(part, Pair) else part.end
