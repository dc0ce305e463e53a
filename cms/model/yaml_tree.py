"""The YAML of a front matter as a tree that knows where each node stands in the text.

A node's span ends with its last character that means something: comments and blank lines after it are outside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from cms.model.pointer import refusal
from cms.model.yaml_guard import YamlLimits, check_text, guarded_events, place_of


@dataclass(slots=True)
class _Place:
    start: int
    end: int
    line: int
    tag: str | None
    anchor: str | None


@dataclass(slots=True)
class Scalar(_Place):
    """`style` is empty for plain, else the character that begins it: a quote, `|` or `>`."""

    text: str
    style: str


@dataclass(slots=True)
class Alias(_Place):
    target: Scalar | Sequence | Mapping


@dataclass(slots=True)
class Sequence(_Place):
    is_flow: bool
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Entry:
    key: Node
    value: Node


@dataclass(slots=True)
class Mapping(_Place):
    is_flow: bool
    entries: list[Entry] = field(default_factory=list)


Node = Scalar | Alias | Sequence | Mapping


@dataclass(slots=True)
class Tree:
    """`root` is None for a text without a value; `is_ended` when `...` closes the document."""

    root: Node | None = None
    is_ended: bool = False
    aliases: list[Alias] = field(default_factory=list)


def parse(text: str, limits: YamlLimits) -> Tree:
    """The tree of `text`, its spans being indices into `text`; raises `Invalid` for what is not YAML or too much."""
    check_text(text, limits)
    mask = _mask(text)
    builder = _Builder(text, {there: here for here, there in mask.items()})
    return builder.build(guarded_events(text.translate(mask) if mask else text, limits))


# libyaml follows YAML 1.1, where the first three end a line, and refuses the last one; js-yaml reads all as text.
_FOREIGN = "\x85\u2028\u2029\ufeff"


def _mask(text: str) -> dict[int, int]:
    """A private-use character not in the text for each foreign one in it: every index stays the same."""
    foreign = [char for char in _FOREIGN if char in text]
    free = (code for code in range(0xE000, 0x10FFFF) if chr(code) not in text)
    return {ord(char): next(free) for char in foreign}


@dataclass(slots=True)
class _Builder:
    text: str
    unmask: dict[int, int]
    tree: Tree = field(default_factory=Tree)
    anchors: dict[str, Scalar | Sequence | Mapping] = field(default_factory=dict)

    def build(self, events: Iterator[Event]) -> Tree:
        for event in events:
            if isinstance(event, NodeEvent):
                self.tree.root = self._node(event, events)
            elif isinstance(event, DocumentEndEvent):
                self.tree.is_ended = bool(event.explicit)
        return self.tree

    def _node(self, event: NodeEvent, events: Iterator[Event]) -> Node:
        start, end, line = place_of(event)
        if isinstance(event, AliasEvent):
            alias = Alias(start, end, line, None, None, self.anchors[str(event.anchor)])
            self.tree.aliases.append(alias)
            return alias
        tag, anchor = getattr(event, "tag", None), event.anchor
        node: Scalar | Sequence | Mapping
        if isinstance(event, ScalarEvent):
            value = event.value.translate(self.unmask) if self.unmask else event.value
            style = event.style or ""
            end = _block_scalar_end(self.text, start, end) if style in ("|", ">") else end
            node = Scalar(start, end, line, tag, anchor, value, style)
            self._remember(node)
            return node
        assert isinstance(event, CollectionStartEvent)
        is_flow = bool(event.flow_style)
        if isinstance(event, MappingStartEvent):
            node = Mapping(start, end, line, tag, anchor, is_flow)
        else:
            node = Sequence(start, end, line, tag, anchor, is_flow)
        self._remember(node)
        self._fill(node, events)
        return node

    def _remember(self, node: Scalar | Sequence | Mapping) -> None:
        if node.anchor is not None:
            self.anchors[node.anchor] = node

    def _fill(self, node: Sequence | Mapping, events: Iterator[Event]) -> None:
        """Add the children and set the end, which for a block collection is the end of its last leaf."""
        for event in events:
            if isinstance(event, CollectionEndEvent):
                node.end = place_of(event)[1] if node.is_flow else node.end
                return
            assert isinstance(event, NodeEvent)
            child = self._node(event, events)
            self._check_flow(node, child)
            if isinstance(node, Mapping):
                value_event = next(events)
                assert isinstance(value_event, NodeEvent)
                value = self._node(value_event, events)
                self._check_flow(node, value)
                node.entries.append(Entry(child, value))
                node.end = max(child.end, value.end)
            else:
                node.items.append(child)
                node.end = child.end

    def _check_flow(self, node: Sequence | Mapping, child: Node) -> None:
        """What js-yaml reads otherwise or not at all: `[-]` and `[?a]`."""
        if node.is_flow and isinstance(child, Scalar) and not child.style:
            is_dash = child.text == "-" and self.text[child.end : child.end + 1] != ":"
            if is_dash or self.text[child.start - 1 : child.start] == "?":
                raise refusal("yaml_syntax", f"line {child.line}: put quotes around what begins with a dash or ?")


_BREAK = re.compile(r"(\r\n|\n|\r)")


def _block_scalar_end(text: str, start: int, end: int) -> int:
    """Where the content of `|` or `>` ends, without its last line break.

    Blank lines below are content only when the header says `+`, or when they are longer than the indent.
    """
    lines = _BREAK.split(text[start:end])
    if "+" in lines[0].partition("#")[0]:
        return end - len(lines[-2]) if len(lines) > 1 and not lines[-1] else end
    first = next((line for line in lines[2::2] if line.strip()), "")
    indent = len(first) - len(first.lstrip(" "))
    while len(lines) > 1 and len(lines[-1]) <= indent and not lines[-1].strip(" "):
        del lines[-2:]
    return start + len("".join(lines))
