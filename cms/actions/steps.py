"""The steps of the background work in this process: when each last showed a sign of life, and how often it failed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from cms.database.refusals import REBUILDING
from cms.errors import CmsError, Unavailable

log = logging.getLogger("cms.worker")
T = TypeVar("T")

LIMIT_S = 120.0
"""A usual round takes less than a second; this allows for one that waits for locks and slow stores."""
LONG_S = 900.0
"""For rounds that list a whole bucket, or make the derived tables again, without a sign of life in between."""
HUNG_S = 60.0
"""When no step at all has moved for so long, the process hangs."""


@dataclass(frozen=True, slots=True)
class State:
    """A step as it is told to other processes, at one moment.

    `idle_s`: since its last sign of life. `left_s`: until it counts as stalled, unless it shows another one.
    `failures`: rounds that failed in a row, for `failing_s`. `error`: the class of the last error, and its cause where
    that is known.
    """

    name: str
    idle_s: float
    left_s: float
    failures: int
    failing_s: float
    error: str


@dataclass(slots=True)
class Step:
    """One kind of background work, done in rounds. A round shows a sign of life at least every `limit_s` seconds."""

    name: str
    limit_s: float = LIMIT_S
    _moved: float = field(default_factory=time.monotonic)
    _due: float = field(init=False)
    _failures: int = 0
    _failing_since: float = 0.0
    _error: str = ""

    def __post_init__(self) -> None:
        self.show_alive()

    def show_alive(self, pause_s: float = 0.0) -> None:
        """Note a sign of life; the next one comes within `pause_s` and the step's limit."""
        self._moved = time.monotonic()
        self._due = self._moved + pause_s + self.limit_s

    @property
    def has_failed(self) -> bool:
        """Whether the last round failed."""
        return self._failures > 0

    def run(self, work: Callable[[], T]) -> T | None:
        """Do one round and return what it returns; None when it failed, which is logged and counted."""
        self.show_alive()
        try:
            found = work()
        except CmsError as error:
            if error.code == REBUILDING:  # the process that makes the tables tells of it
                log.debug(error.detail)
            else:
                if not (isinstance(error, Unavailable) and error.note()):
                    log.warning("%s: %s", error.code, error.detail)
                self._count(error)
        except Exception as error:
            # The next round starts afresh; a thread that ended would leave the public site stale.
            log.exception("background work failed: %s", self.name)
            self._count(error)
        else:
            self._failures = 0
            return found
        finally:
            self.show_alive()
        return None

    def _count(self, error: Exception) -> None:
        if not self._failures:
            self._failing_since = time.monotonic()
        self._error = type(error).__name__
        if isinstance(error, Unavailable) and error.cause is not None:
            self._error += f" ({error.cause})"
        self._failures += 1

    def state(self) -> State:
        now = time.monotonic()
        failing_s = now - self._failing_since if self._failures else 0.0
        return State(self.name, now - self._moved, self._due - now, self._failures, failing_s, self._error)


class Steps:
    """All steps of this process."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    def add(self, name: str, limit_s: float = LIMIT_S) -> Step:
        self._steps.append(Step(name, limit_s))
        return self._steps[-1]

    def is_moving(self) -> bool:
        """Whether any step has shown a sign of life lately; True before there are steps."""
        return not self._steps or any(step.state().idle_s < HUNG_S for step in self._steps)

    def states(self) -> list[dict[str, Any]]:
        return [asdict(step.state()) for step in self._steps]
