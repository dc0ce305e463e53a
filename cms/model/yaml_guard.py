"""What one front matter may cost.

Every limit is checked while a text is read, before the node that passes it is built.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cms.model.pointer import refusal

# js-yaml reads nodes down to the 100th level; a key that it tries to read takes one more than the collections do.
_MOST_LEVELS = 98


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


@dataclass(frozen=True, slots=True)
class Cost:
    """What an alias brings with it: events, and levels of nesting."""

    events: int = 1
    height: int = 0


ONE_NODE = Cost()


@dataclass(slots=True)
class _Open:
    events_before: int
    height: int = 1


@dataclass(slots=True)
class Budget:
    """Running totals of what has been read; each method raises `Invalid` instead of passing a limit.

    Events are counted as a YAML parser reports them: one for a scalar or an alias, two for a collection and four for
    the stream and its document, two of which come last.
    """

    limits: YamlLimits
    events: int = 2
    aliases: int = 0
    open: list[_Open] = field(default_factory=list)
    last_cost: Cost = ONE_NODE
    """Of the collection that was left last."""

    def add_events(self, line: int, events: int = 1) -> None:
        self.events += events
        if self.events > self.limits.max_events:
            limit = f"{self.limits.max_events:,} nodes"
            raise refusal("yaml_too_many_nodes", f"line {line}: the front matter has more than {limit}")

    def open_collection(self, line: int, events_before: int) -> None:
        """Enter a collection, which began when `events_before` events had been counted."""
        self.open.append(_Open(events_before))
        self._deepen(0, line)
        self.add_events(line)

    def close_collection(self, line: int) -> Cost:
        """Leave the innermost collection; return its cost."""
        self.add_events(line)
        closed = self.open.pop()
        if self.open:
            self.open[-1].height = max(self.open[-1].height, closed.height + 1)
        self.last_cost = Cost(self.events - closed.events_before, closed.height)
        return self.last_cost

    def cost_so_far(self, level: int) -> Cost:
        """Return the cost of what has been read of the open collection at this level, counted from 1."""
        found = self.open[level - 1]
        return Cost(self.events - found.events_before, found.height)

    def add_alias(self, line: int, cost: Cost) -> None:
        self.aliases += 1
        if self.aliases > self.limits.max_aliases:
            limit = self.limits.max_aliases
            raise refusal("yaml_alias", f"line {line}: there are more than {limit} aliases")
        self.add_events(line, cost.events)
        self._deepen(cost.height, line)

    def _deepen(self, height: int, line: int) -> None:
        most = min(self.limits.max_depth, _MOST_LEVELS)
        if len(self.open) + height > most:
            raise refusal("yaml_too_deep", f"line {line}: the front matter is nested deeper than {most} levels")
        if self.open:
            self.open[-1].height = max(self.open[-1].height, height + 1)
