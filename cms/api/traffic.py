"""Counts the requests that this process answers: by route, never by path, so that there are few."""

from __future__ import annotations

import threading
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import NamedTuple

from cms.api.access_log import AccessLog

NAME = "traffic"
"""Under which it stands among the application's extensions."""
BOUNDS_S = (0.002, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0)

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


Answer = tuple[str, str, int]
"""What those that are counted together have in common: method, route and status."""


@dataclass(slots=True)
class Times:
    """How many took at most each of `BOUNDS_S`, and not the one before, or longer than all; and how long all took."""

    numbers: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    seconds: float = 0.0


class Traffic:
    """How many answers were made, and how many came from memory; `times`, by method and route, are of those that were
    made: how long until they began."""

    def __init__(self) -> None:
        self.made: dict[Answer, int] = {}
        self.from_memory: dict[Answer, int] = {}
        self.times: dict[tuple[str, str], Times] = {}
        self.refusals = 0
        self._lock = threading.Lock()

    def count(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """An answer was made, which took so long."""
        named = method if method in _METHODS else "other", route or "none"
        with self._lock:
            self.made[*named, status] = self.made.get((*named, status), 0) + 1
            times = self.times.setdefault(named, Times())
            times.numbers[bisect_left(BOUNDS_S, seconds)] += 1
            times.seconds += seconds

    def count_kept(self, what: Answer) -> None:
        """An answer came from memory."""
        with self._lock:
            self.from_memory[what] = self.from_memory.get(what, 0) + 1

    def count_refused(self) -> None:
        """There was no room to answer."""
        with self._lock:
            self.refusals += 1


class Told(NamedTuple):
    """Who is told of each answer."""

    log: AccessLog
    traffic: Traffic
