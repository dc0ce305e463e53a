"""Remembers what was seen only once, or only just now: it is believed when it is still so a while later."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from cms.store.base import Stat


@dataclass(slots=True)
class Doubts:
    clock: Callable[[], float]
    moving: dict[str, tuple[str, float]] = field(default_factory=dict)
    missed: dict[str, float] = field(default_factory=dict)

    def is_still(self, stat: Stat, still_s: float) -> bool:
        """Untouched for a while by the store's clock, or, should the clocks differ, by our own observation."""
        if self.clock() - still_s - stat.changed >= 0:
            self.moving.pop(stat.key, None)
            return True
        mark, since = self.moving.get(stat.key, ("", 0.0))
        if mark != stat.mark:
            self.moving[stat.key] = (stat.mark, time.monotonic())
            return False
        return time.monotonic() - since >= still_s

    def are_gone(self, keys: Collection[str], still_s: float) -> bool:
        """Whether all of them were missed a while ago: while files go one after the other, nobody knows yet how many
        will be gone."""
        now = time.monotonic()
        self.missed = {key: self.missed.get(key, now) for key in keys}
        return all(now - since >= still_s for since in self.missed.values())
