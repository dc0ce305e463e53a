"""What must change in a YAML text so that it holds other data: a list of spans and what to put there.

Each entry and each item is changed where it stands; what is equal is never touched. Where an exact change is not
possible the refusal names the entry and says why.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from itertools import pairwise

from cms.model.yaml_flow import Flow, YamlWriter
from cms.model.yaml_lists import steps
from cms.model.yaml_places import Change, Path, Slot, Source, cannot, check_own, has_alias, settle, slots_of
from cms.model.yaml_replace import quote_of, replaced
from cms.model.yaml_text import block, inline
from cms.model.yaml_tree import Mapping, Node, Sequence, Tree
from cms.model.yaml_values import is_merge, is_same, key_of


def changes(
    raw: str, tree: Tree, data: AnyMapping[str, object], wanted: AnyMapping[str, object], newline: str
) -> list[Change]:
    """Return the changes that turn `data`, which `raw` holds, into `wanted`; raises `Invalid`, code `cannot_edit`."""
    root = tree.root or Mapping(0, 0, 1, None, None, False)
    assert isinstance(root, Mapping)
    settle(raw, root)
    planner = _Planner(Source(raw), newline, tree)
    plan = planner.flow.changes if root.is_flow else planner.of_mapping
    found = list(plan(root, dict(data), dict(wanted), ()))
    _check_aliases(tree, found)
    return found


class _Planner:
    def __init__(self, source: Source, newline: str, tree: Tree) -> None:
        self.source, self.newline, self.tree = source, newline, tree
        self.flow = Flow(source, YamlWriter())

    def of_mapping(
        self, node: Mapping, old: AnyMapping[str, object], new: AnyMapping[str, object], path: Path
    ) -> Iterator[Change]:
        slots = slots_of(self.source, node)
        numbers = {key_of(entry.key): number for number, entry in enumerate(node.entries) if not is_merge(entry.key)}
        check_own(numbers, old, new, path)
        for key, number in numbers.items():
            if key in new and not is_same(old[key], new[key]):
                yield from self._of_value(slots[number], old[key], new[key], (*path, key))
        gone = {number: (*path, key) for key, number in numbers.items() if key not in new}
        added = {key: value for key, value in new.items() if key not in old}
        if added:
            yield self._added(node, slots, gone, added, path)
        yield from self._removed(slots, gone, is_replaced=bool(added and path))

    def _of_sequence(self, node: Sequence, old: list[object], new: list[object], path: Path) -> Iterator[Change]:
        slots = slots_of(self.source, node)
        column = slots[0].column
        gone: dict[int, Path] = {}
        for step in steps(old, new):
            where = (*path, step.new)
            if step.kind == "set":
                yield from self._of_value(slots[step.old], old[step.old], new[step.new], where)
            elif step.kind == "delete":
                gone[step.old] = where
            elif step.old:
                position = self.source.line_end(slots[step.old - 1].end)
                text = self._lines([new[step.new]], column, position, quote_of(node)) + self.newline
                yield Change(position, position, text, where, node)
            else:
                lines = self.newline.join(block([new[step.new]], column, quote_of(node)))
                text = lines[column:] + self.newline + " " * column
                yield Change(slots[0].lead, slots[0].lead, text, where, node)
        yield from self._removed(slots, gone)

    def _of_value(self, slot: Slot, old: object, new: object, path: Path) -> Iterator[Change]:
        node = slot.node
        is_flow = isinstance(node, Mapping | Sequence) and node.is_flow
        if is_flow and type(old) is type(new):
            yield from self.flow.changes(node, old, new, path)
        elif isinstance(node, Mapping) and isinstance(old, dict) and isinstance(new, dict) and new and not is_flow:
            yield from self.of_mapping(node, old, new, path)
        elif isinstance(node, Sequence) and isinstance(old, list) and isinstance(new, list) and new and not is_flow:
            yield from self._of_sequence(node, old, new, path)
        elif has_alias(node):
            raise cannot("its value is an alias `*name`; edit the file by hand", path)
        elif slot.gap is None:
            assert slot.key is not None
            position = self.source.line_end(slot.key.end)
            yield Change(position, position, " " * slot.column + ": " + inline(new) + self.newline, path)
        else:
            start, end, text = replaced(slot, new)
            yield Change(start, end, text.replace("\n", self.newline), path)

    def _added(
        self, node: Mapping, slots: list[Slot], gone: AnyMapping[int, Path], added: AnyMapping[str, object], path: Path
    ) -> Change:
        """New entries below the last one of a nested mapping, or as the last lines of the front matter."""
        where = (*path, next(iter(added)))
        column = slots[0].column if slots else 0
        if path and len(gone) == len(slots) and not slots[0].is_alone:
            # Nothing stays to stand on the item's dash: the new entries take the place of the first one.
            end = slots[0].end
            return Change(slots[0].lead, end, self._lines(added, column, end)[column:], where)
        position = self.source.line_end(slots[-1].end) if path else len(self.source.raw)
        if not path and self.tree.is_ended:
            raise cannot("the front matter ends with `...`; edit the file by hand", where)
        return Change(position, position, self._lines(added, column, position) + self.newline, where, node)

    def _lines(self, value: object, column: int, position: int, quote: str = "") -> str:
        """The lines of new entries or items that end at `position`, without the last line break."""
        is_safe = self.source.may_end_literal(position, column)
        return self.newline.join(block(value, column, quote, literals=is_safe))

    def _removed(
        self, slots: list[Slot], gone: AnyMapping[int, Path], *, is_replaced: bool = False
    ) -> Iterator[Change]:
        """Yield the removal of some children with their lines; one that stands on a dash leaves that to the next."""
        source = self.source
        rest = sorted(gone.items())
        if rest and rest[0][0] == 0 and not slots[0].is_alone:
            kept = next((number for number in range(len(slots)) if number not in gone), None)
            if kept is not None and not self._has_comments(slots[: kept + 1]):
                yield Change(slots[0].lead, slots[kept].lead, "", rest[0][1])
                rest = rest[kept:]
            else:
                if kept is not None or not is_replaced:
                    begin = source.blanks_start(slots[0].lead)
                    yield Change(begin, source.text_end(slots[0].end), "", rest[0][1])
                rest = rest[1:]
        for number, path in rest:
            slot = slots[number]
            yield Change(source.line_start(slot.lead), source.line_end(slot.end), "", path)

    def _has_comments(self, slots: list[Slot]) -> bool:
        """Whether something stands on lines between the children."""
        source = self.source
        between = (source.raw[source.line_end(one.end) : other.lead] for one, other in pairwise(slots))
        return any(text.strip() for text in between)


def _check_aliases(tree: Tree, found: list[Change]) -> None:
    """Refuse a change to what an alias elsewhere repeats: it would change that place too."""
    for alias in tree.aliases:
        if any(change.start <= alias.start < change.end for change in found):
            continue
        for change in found:
            if _touches(change, alias.target):
                detail = f"its anchor &{alias.target.anchor} is used on line {alias.line}; edit the file by hand"
                raise cannot(detail, change.path)


def _touches(change: Change, node: Node) -> bool:
    if change.within is not None:
        return node.start <= change.within.start and change.within.end <= node.end
    return change.start < node.end and node.start < change.end
