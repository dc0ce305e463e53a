"""Changes within flow collections, `[a, b]` and `{a: 1}`, over one line or many: item by item, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass

from cms.model.yaml_lists import Step, steps
from cms.model.yaml_replace import quote_of
from cms.model.yaml_text import inline
from cms.model.yaml_tree import Mapping, Node, Sequence
from cms.model.yaml_values import is_merge, is_same, key_of

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """`text` instead of what stands between `start` and `end`; `node` is what stood there or grew."""

    start: int
    end: int
    text: str
    path: Path
    node: Node


def spans(node: Node, old: object, new: object, path: Path) -> Iterator[Span]:
    """What turns the flow node, which holds `old`, into `new`."""
    if isinstance(node, Mapping) and node.entries and isinstance(old, dict) and isinstance(new, dict) and new:
        yield from _of_mapping(node, old, new, path)
    elif isinstance(node, Sequence) and node.items and isinstance(old, list) and isinstance(new, list) and new:
        for step in steps(old, new):
            yield from _of_item(node, step, old, new, (*path, step.new))
    else:
        yield Span(node.start, node.end, inline(new, quote_of(node), is_flow=True), path, node)


def _of_mapping(
    node: Mapping, old: AnyMapping[str, object], new: AnyMapping[str, object], path: Path
) -> Iterator[Span]:
    entries = {key_of(entry.key): number for number, entry in enumerate(node.entries) if not is_merge(entry.key)}
    for key, number in entries.items():
        entry = node.entries[number]
        if key not in new:
            places = [(e.key.start, e.value.end) for e in node.entries]
            yield Span(*_without(places, number), "", (*path, key), entry.value)
        elif not is_same(old.get(key), new[key]):
            yield from spans(entry.value, old.get(key), new[key], (*path, key))
    end = node.entries[-1].value.end
    for key in new:
        if key not in old:
            added = f", {inline(key, is_flow=True)}: {inline(new[key], is_flow=True)}"
            yield Span(end, end, added, (*path, key), node)


def _of_item(node: Sequence, step: Step, old: list[object], new: list[object], path: Path) -> Iterator[Span]:
    if step.kind == "set":
        yield from spans(node.items[step.old], old[step.old], new[step.new], path)
    elif step.kind == "delete":
        places = [(item.start, item.end) for item in node.items]
        yield Span(*_without(places, step.old), "", path, node.items[step.old])
    elif step.old == 0:
        first = node.items[0]
        yield Span(first.start, first.start, f"{inline(new[step.new], quote_of(first), is_flow=True)}, ", path, node)
    else:
        before = node.items[step.old - 1]
        text = f", {inline(new[step.new], quote_of(before), is_flow=True)}"
        yield Span(before.end, before.end, text, path, node)


def _without(places: list[tuple[int, int]], number: int) -> tuple[int, int]:
    """The span of one of several things with commas between them, and of the comma that goes with it."""
    if number + 1 < len(places):
        return places[number][0], places[number + 1][0]
    return (places[number - 1][1] if number else places[number][0]), places[number][1]
