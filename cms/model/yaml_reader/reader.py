"""What is known while a text is read: the place, the cost, anchors and aliases; and the making of nodes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from cms.model.pointer import refusal
from cms.model.yaml_guard import ONE_NODE, Budget, Cost
from cms.model.yaml_nodes import Alias, Mapping, Node, Scalar, Sequence
from cms.model.yaml_reader.characters import Characters
from cms.model.yaml_reader.properties import CORE, Properties, name_of
from cms.model.yaml_scalars import NULLS

_Collection = TypeVar("_Collection", Sequence, Mapping)


@dataclass(slots=True)
class _Anchored:
    """What an anchor names; `level` counts the collections that are open with it, 0 once it is read."""

    node: Scalar | Sequence | Mapping
    cost: Cost
    level: int = 0


@dataclass(slots=True)
class Reader:
    chars: Characters
    budget: Budget
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    aliases: list[Alias] = field(default_factory=list)
    handles: dict[str, str] = field(default_factory=lambda: {"!": "!", "!!": CORE})

    def scalar(self, start: int, end: int, line: int, text: str, style: str, props: Properties | None) -> Scalar:
        """Make a scalar, with the properties before it if any."""
        self.budget.add_events(line)
        if props is None:
            return Scalar(start, end, line, None, None, text, style)
        node = Scalar(props.start, end, props.line, props.tag, props.anchor, text, style)
        self.anchor(props.anchor, node)
        return node

    def empty(self, position: int, line: int) -> Scalar:
        """Make the null of a node that is not there."""
        return self.scalar(position, position, line, "", "", None)

    def empty_of(self, props: Properties) -> Scalar:
        """Make the node that has properties and no content."""
        return self.scalar(props.start, props.end, props.line, "", "", props)

    def anchor(self, name: str | None, node: Node, cost: Cost = ONE_NODE, level: int = 0) -> None:
        """Let aliases from here on mean this node, or what it means where it is itself an alias."""
        if name is None:
            return
        if isinstance(node, Alias):
            self.anchors[name] = self.anchors[self.chars.text[node.start + 1 : node.end]]
        else:
            self.anchors[name] = _Anchored(node, cost, level)

    def alias(self) -> Alias:
        """Read the alias that stands here, and what separates it from the next token."""
        chars = self.chars
        start, line = chars.position, chars.line
        name = name_of(chars)
        if name not in self.anchors:
            raise refusal("yaml_alias", f"line {line}: the alias *{name} has no anchor before it")
        anchored = self.anchors[name]
        found = Alias(start, chars.position, line, None, None, anchored.node)
        if anchored.level:
            # A merge key takes what its own mapping holds so far; anything else would have no end.
            found.target, found.is_recursive = _as_it_is(anchored.node), True
            self.budget.add_alias(line, self.budget.cost_so_far(anchored.level))
        else:
            self.budget.add_alias(line, anchored.cost)
        self.aliases.append(found)
        chars.separate()
        return found

    def begin(self, kind: type[_Collection], props: Properties | None) -> _Collection:
        """Make the block collection that begins here, or with the properties."""
        if props:
            return kind(props.start, props.end, props.line, props.tag, props.anchor, is_flow=False)
        return kind(self.chars.position, self.chars.position, self.chars.line, None, None, is_flow=False)

    def open(self, node: Sequence | Mapping, events_before: int | None = None) -> None:
        """Enter a collection before its first child is read.

        A mapping is entered after its first key, which may have taken over the anchor's name; `events_before` are the
        events before that key.
        """
        is_named = events_before is None or node.anchor is None or self.anchors[node.anchor].node is node
        self.budget.open_collection(node.line, self.budget.events if events_before is None else events_before)
        if is_named:
            self.anchor(node.anchor, node, level=len(self.budget.open))

    def close(self, node: Sequence | Mapping) -> None:
        self.anchor(node.anchor, node, self.budget.close_collection(self.chars.line))

    def add_properties(self, node: Node, props: Properties) -> None:
        """Give a flow node the properties on the lines above it; it may have an anchor of its own."""
        if props.tag is not None:
            if isinstance(node, Alias) or node.tag is not None:
                raise refusal("yaml_tag", f"line {props.line}: one value has two tags, or an alias has one; delete it")
            node.tag = props.tag
            if isinstance(node, Scalar) and node.text and not node.style:
                _tag_value(node)
        self.anchor(props.anchor, node, ONE_NODE if isinstance(node, Scalar) else self.budget.last_cost)
        node.start, node.line = props.start, props.line
        node.anchor = props.anchor or node.anchor


def _tag_value(node: Scalar) -> None:
    """Change a plain scalar below its tag as js-yaml does, which has turned it into its value before it tags that."""
    if node.tag == CORE + "str" and node.text in NULLS:
        node.text = ""
    elif node.tag in ("!", CORE + "str"):
        node.tag = None
    elif node.tag != CORE + "null":
        raise refusal("yaml_tag", f"line {node.line}: write the tag on the line of its value")


def _as_it_is(node: Scalar | Sequence | Mapping) -> Scalar | Sequence | Mapping:
    """Return a copy that what is read later does not change."""
    if isinstance(node, Sequence):
        return replace(node, items=list(node.items))
    return replace(node, entries=list(node.entries)) if isinstance(node, Mapping) else node
