"""The nodes of a YAML text, each of which knows where it stands in the text.

A node's span ends with its last character that means something: comments and blank lines after it are outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """`is_recursive` when it stands inside what it names, `target` then being what that holds so far."""

    target: Scalar | Sequence | Mapping
    is_recursive: bool = False


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
