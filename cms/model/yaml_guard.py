"""The parser's events for a YAML text, stopped before they can cost too much.

Every limit is checked here, on the event stream, so that nothing is built from a text that passes one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
)

from cms.errors import Invalid
from cms.model.pointer import refusal


@dataclass(frozen=True, slots=True)
class YamlLimits:
    """What one front matter may cost; events and depth count as if every alias were written out."""

    max_bytes: int = 65_536
    max_depth: int = 32
    max_events: int = 20_000
    max_aliases: int = 32


def check_text(text: str, limits: YamlLimits) -> None:
    """Refuse text that is too large or that no UTF-8 file can hold; the size comes first, all else costs more."""
    if len(text) > limits.max_bytes or len(text.encode("utf-8", "replace")) > limits.max_bytes:
        raise refusal("yaml_too_large", f"the front matter is larger than {limits.max_bytes:,} bytes")
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        line = text.count("\n", 0, exc.start) + 1
        raise refusal("yaml_value", f"line {line}: half of a surrogate pair is not a character") from exc


def guarded_events(text: str, limits: YamlLimits) -> Iterator[Event]:
    """Each event of the one document in `text`; raises `Invalid` instead of the event that is too much."""
    count = _Count(limits)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            count.add(event)
            yield event
    except yaml.MarkedYAMLError as exc:
        raise _syntax(exc.problem or exc.context or "not YAML", _line(exc)) from exc
    except (yaml.YAMLError, ValueError) as exc:
        raise _syntax(getattr(exc, "reason", None) or "it holds a character that YAML does not allow", None) from exc


def place_of(event: Event) -> tuple[int, int, int]:
    """Index of its first character, index behind its last one, and line, counted from 1."""
    assert event.start_mark is not None
    assert event.end_mark is not None
    return event.start_mark.index, event.end_mark.index, event.start_mark.line + 1


def line_of(event: Event) -> int:
    return place_of(event)[2]


def _syntax(problem: str, line: int | None) -> Invalid:
    where = f"line {line}: " if line else ""
    return refusal("yaml_syntax", f"{where}the front matter is not valid YAML: {problem}")


def _line(exc: yaml.MarkedYAMLError) -> int | None:
    mark = exc.problem_mark or exc.context_mark
    return None if mark is None else int(mark.line) + 1


@dataclass(slots=True)
class _Open:
    anchor: str | None
    events_before: int
    height: int = 1


@dataclass(slots=True)
class _Count:
    """Running totals; `cost` holds (events, height) of each anchored node, None while it is still open."""

    limits: YamlLimits
    events: int = 0
    aliases: int = 0
    documents: int = 0
    open: list[_Open] = field(default_factory=list)
    cost: dict[str, tuple[int, int] | None] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        self.events += 1
        if isinstance(event, AliasEvent):
            self._alias(event)
        elif isinstance(event, CollectionStartEvent):
            self.open.append(_Open(event.anchor, self.events - 1))
            self._deepen(0, event)
            if event.anchor is not None:
                self.cost[event.anchor] = None
        elif isinstance(event, CollectionEndEvent):
            self._close()
        elif isinstance(event, NodeEvent):
            if event.anchor is not None:
                self.cost[event.anchor] = (1, 0)
        elif isinstance(event, DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _syntax("there is more than one document", line_of(event))
        if self.events > self.limits.max_events:
            limit = f"{self.limits.max_events:,} nodes"
            raise refusal("yaml_too_many_nodes", f"line {line_of(event)}: the front matter has more than {limit}")

    def _alias(self, event: AliasEvent) -> None:
        self.aliases += 1
        name = str(event.anchor)
        where = f"line {line_of(event)}: "
        if self.aliases > self.limits.max_aliases:
            raise refusal("yaml_alias", f"{where}there are more than {self.limits.max_aliases} aliases")
        if name not in self.cost:
            raise refusal("yaml_alias", f"{where}the alias *{name} has no anchor before it")
        cost = self.cost[name]
        if cost is None:
            raise refusal("yaml_alias", f"{where}the alias *{name} stands inside what it names")
        self.events += cost[0] - 1
        self._deepen(cost[1], event)

    def _deepen(self, height: int, event: Event) -> None:
        if len(self.open) + height > self.limits.max_depth:
            limit = f"{self.limits.max_depth} levels"
            raise refusal("yaml_too_deep", f"line {line_of(event)}: the front matter is nested deeper than {limit}")
        if self.open:
            self.open[-1].height = max(self.open[-1].height, height + 1)

    def _close(self) -> None:
        closed = self.open.pop()
        if closed.anchor is not None:
            self.cost[closed.anchor] = (self.events - closed.events_before, closed.height)
        if self.open:
            self.open[-1].height = max(self.open[-1].height, closed.height + 1)
