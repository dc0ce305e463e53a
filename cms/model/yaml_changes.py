"""What must change in a YAML text so that it holds other data: a list of spans and what to put there.

An entry whose value is equal is never touched; where an exact change is not possible the refusal says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from cms.errors import Invalid
from cms.model.pointer import pointer, refusal, refusal_at
from cms.model.yaml_flow import Path, spans
from cms.model.yaml_lists import Step, dashes, steps
from cms.model.yaml_replace import Slot, quote_of, replaced
from cms.model.yaml_text import block
from cms.model.yaml_tree import Alias, Entry, Mapping, Node, Scalar, Sequence, Tree
from cms.model.yaml_values import is_merge, is_same, key_of


@dataclass(frozen=True, slots=True)
class Change:
    """`text` instead of the span; `within` is what an addition makes longer."""

    start: int
    end: int
    text: str
    pointer: str
    within: Mapping | Sequence | None = None


_BREAK = re.compile(r"\r\n|\n|\r|\Z")


@dataclass(frozen=True, slots=True)
class Manner:
    """The line break for new lines, and whether a list that differs is replaced whole or item by item."""

    newline: str
    by_item: bool


def changes(
    raw: str, tree: Tree, data: AnyMapping[str, object], wanted: AnyMapping[str, object], manner: Manner
) -> list[Change]:
    """The changes that turn `data`, which `raw` holds, into `wanted`; raises `Invalid`, code `cannot_edit`."""
    if tree.root is not None and (not isinstance(tree.root, Mapping) or tree.root.is_flow):
        raise refusal("cannot_edit", "the front matter is one `{…}`; write it as lines of `key: value` first")
    root = tree.root or Mapping(0, 0, 1, None, None, False)
    differ = _Difference(raw, manner, tree)
    found = list(differ.of(root, data, wanted, ()))
    _check_aliases(tree, found)
    return found


@dataclass(slots=True)
class _Difference:
    raw: str
    manner: Manner
    tree: Tree

    def of(
        self, mapping: Mapping, data: AnyMapping[str, object], wanted: AnyMapping[str, object], path: Path
    ) -> Iterator[Change]:
        entries = {key_of(entry.key): entry for entry in mapping.entries if not is_merge(entry.key)}
        for key in data:
            if key in wanted and is_same(data[key], wanted[key]):
                continue
            if key not in entries:
                raise _cannot("it comes from a merge key `<<`; edit the file by hand", (*path, key))
            if key in wanted:
                yield from self._set(entries[key], data[key], wanted[key], (*path, key))
            else:
                yield self._delete(mapping, entries[key], (*path, key))
        added = {key: value for key, value in wanted.items() if key not in data}
        if added:
            yield self._add(mapping, added, path)

    def _set(self, entry: Entry, old: object, new: object, path: Path) -> Iterator[Change]:
        slot = self._slot(entry, path)
        node = entry.value
        if isinstance(node, Mapping) and not node.is_flow and isinstance(new, dict) and new and isinstance(old, dict):
            yield from self.of(node, old, new, path)
            return
        if self.manner.by_item and isinstance(node, Mapping | Sequence) and node.is_flow and type(old) is type(new):
            yield from self._flow(node, old, new, path)
            return
        if self.manner.by_item and isinstance(node, Sequence) and isinstance(old, list) and isinstance(new, list):
            found = self._items(node, old, new, path)
            if found is not None:
                yield from found
                return
        if any(isinstance(part, Alias) for part in _walk(node)):
            raise _cannot("its value is an alias `*name`; edit the file by hand", path)
        start, end, text = replaced(slot, new)
        yield Change(start, end, text.replace("\n", self.manner.newline), pointer("data", *path))

    def _items(self, node: Sequence, old: list[object], new: list[object], path: Path) -> list[Change] | None:
        """The changes of the items that differ; None where the list has to be replaced whole."""
        if not new or not old or len(node.items) != len(old):
            return None
        places = dashes(self.raw, node)
        if places is None:
            return None
        found: list[Change] = []
        for step in steps(old, new):
            if step.kind == "set":
                found += self._set_item(
                    node.items[step.old], places[step.old], old[step.old], new[step.new], (*path, step.new)
                )
            else:
                found.append(self._move_item(node, places, step, new, path))
        return found

    def _set_item(self, item: Node, dash: int, old: object, new: object, path: Path) -> list[Change]:
        if _may_recurse(item, new) and isinstance(item, Mapping) and isinstance(old, dict) and isinstance(new, dict):
            return list(self.of(item, old, new, path))
        if isinstance(item, Mapping | Sequence) and item.is_flow and type(old) is type(new):
            return list(self._flow(item, old, new, path))
        if any(isinstance(part, Alias) for part in _walk(item)):
            raise _cannot("its value is an alias `*name`; edit the file by hand", path)
        start = _line_start(self.raw, dash)
        if isinstance(item, Scalar) and not isinstance(new, list | AnyMapping):
            first, last, text = replaced(Slot(self.raw, start, dash - start, dash + 1, item), new)
            return [Change(first, last, text.replace("\n", self.manner.newline), pointer("data", *path))]
        lines = block([new], dash - start)
        text = self.manner.newline.join([lines[0].lstrip(" "), *lines[1:]])
        return [Change(dash, item.end, text, pointer("data", *path))]

    def _move_item(self, node: Sequence, places: list[int], step: Step, new: list[object], path: Path) -> Change:
        where = pointer("data", *path, step.new)
        if step.kind == "delete":
            start, end = _line_start(self.raw, places[step.old]), self._line_end(node.items[step.old].end)
            return Change(start, end, "", where)
        column = places[0] - _line_start(self.raw, places[0])
        text = "".join(line + self.manner.newline for line in block([new[step.new]], column, quote_of(node)))
        start = _line_start(self.raw, places[0]) if step.old == 0 else self._line_end(node.items[step.old - 1].end)
        return Change(start, start, text, where, node)

    def _flow(self, node: Mapping | Sequence, old: object, new: object, path: Path) -> Iterator[Change]:
        for span in spans(node, old, new, path):
            if any(isinstance(part, Alias) for part in _walk(span.node)):
                raise _cannot("its value is an alias `*name`; edit the file by hand", span.path)
            grown = span.node if span.start == span.end and isinstance(span.node, Mapping | Sequence) else None
            yield Change(span.start, span.end, span.text, pointer("data", *span.path), grown)

    def _delete(self, mapping: Mapping, entry: Entry, path: Path) -> Change:
        slot = self._slot(entry, path)
        end = self._line_end(entry.value.end)
        if self.raw[slot.line_start : entry.key.start].strip(" "):
            # The entry stands on its item's dash; the next one takes its place there.
            return Change(entry.key.start, mapping.entries[1].key.start, "", pointer("data", *path))
        if slot.line_start == 0:
            raise _cannot("it stands on the line of the opening `---`; edit the file by hand", path)
        return Change(slot.line_start, end, "", pointer("data", *path))

    def _add(self, mapping: Mapping, added: AnyMapping[str, object], path: Path) -> Change:
        """New entries below the last one of a nested mapping, or as the last lines of the front matter."""
        where = pointer("data", *path, next(iter(added)))
        if path:
            position = self._line_end(mapping.end)
        else:
            position = len(self.raw)
            if self.tree.is_ended:
                raise refusal_at(where, "cannot_edit", "the front matter ends with `...`; edit the file by hand")
        first = mapping.entries[0].key.start if mapping.entries else 0
        column = first - _line_start(self.raw, first)
        text = "".join(line + self.manner.newline for line in block(added, column))
        return Change(position, position, text, where, mapping)

    def _line_end(self, position: int) -> int:
        match = _BREAK.search(self.raw, position)
        return match.end() if match else len(self.raw)

    def _slot(self, entry: Entry, path: Path) -> Slot:
        """Where the entry's value stands; refuses the forms whose lines are not simply `key: value`."""
        start = _line_start(self.raw, entry.key.start)
        colon = re.compile(r"[ \t]*:").match(self.raw, entry.key.end)
        if colon is None or self.raw[start : entry.key.start].strip(" -") or colon.end() > entry.value.start:
            raise _cannot("its key is written with `?`; edit the file by hand", path)
        return Slot(self.raw, start, entry.key.start - start, colon.end(), entry.value)


def _may_recurse(item: Node, new: object) -> bool:
    """Whether one of a block mapping's first two entries stays, to stand on the item's dash."""
    if not isinstance(item, Mapping) or item.is_flow or not isinstance(new, dict):
        return False
    return any(key_of(entry.key) in new for entry in item.entries[:2])


def _line_start(raw: str, position: int) -> int:
    return max(raw.rfind("\n", 0, position), raw.rfind("\r", 0, position)) + 1


def _walk(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _walk(item)
    elif isinstance(node, Mapping):
        for entry in node.entries:
            yield from _walk(entry.key)
            yield from _walk(entry.value)


def _check_aliases(tree: Tree, found: list[Change]) -> None:
    """Refuse a change to what an alias elsewhere repeats: it would change that place too."""
    for alias in tree.aliases:
        if any(change.start <= alias.start < change.end for change in found):
            continue
        for change in found:
            if _touches(change, alias.target):
                detail = f"its anchor &{alias.target.anchor} is used on line {alias.line}; edit the file by hand"
                raise refusal_at(change.pointer, "cannot_edit", detail)


def _touches(change: Change, node: Node) -> bool:
    if change.within is not None:
        return node.start <= change.within.start and change.within.end <= node.end
    return change.start < node.end and node.start < change.end


def _cannot(reason: str, path: Path) -> Invalid:
    return refusal("cannot_edit", reason, *path)
