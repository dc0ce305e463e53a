"""The time that all nodes go by: the database's, since their own clocks may differ. Seconds since the epoch.

With SQLite there is one machine, and its own clock. PostgreSQL is asked now and then, and in between time goes on by
the monotonic clock, which nobody sets.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cms.clock import machine_time
from cms.model.moments import STEP_S

ASK_EVERY_S = 30.0
BELIEVED_S = 3600.0
"""A clock that was set is believed in everything once it has gone on from there for so long."""
_CLOCK = "cms_clock"
_ASK = text("SELECT extract(epoch FROM clock_timestamp())")


@dataclass(frozen=True, slots=True)
class Step:
    """The clock was set: ahead by so many seconds, or back by as many if they are negative, `age_s` ago."""

    seconds: float
    age_s: float


class Clock:
    """The clock of one database, as this process has seen it since it began."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._is_own = engine.dialect.name != "postgresql"
        self._offset = machine_time() - time.monotonic()
        self._believed: float | None = self._offset if self._is_own else None
        self._stepped_at: float | None = None
        self._right_until = 0.0

    def __call__(self) -> float:
        """Return the time; without an answer of the database, as it went on since the last one."""
        if not self._is_own and time.monotonic() > self._right_until:
            try:
                with self._engine.connect() as connection:
                    return self.now(connection)
            except SQLAlchemyError:
                self._right_until = time.monotonic() + 1
        return self._read()

    def now(self, tx: Connection) -> float:
        """Return the time, within a transaction."""
        if not self._is_own and time.monotonic() > self._right_until:
            before = time.monotonic()
            moment = float(tx.execute(_ASK).scalar_one())
            after = time.monotonic()
            self._right_until = after + ASK_EVERY_S
            self._note(moment - (before + after) / 2, after)
        return self._read()

    def due(self) -> float:
        """Return up to when things are due to be published, or cleared away. Neither can be taken back: a clock that
        was set ahead is not believed in them for `BELIEVED_S`."""
        moment = self()
        return moment if self._stepped_at is None else min(moment, time.monotonic() + (self._believed or 0.0))

    def step(self) -> Step | None:
        """Return how the clock was set since this process began; None when it was not, or set back again, or is
        believed by now."""
        self()
        if self._stepped_at is None or self._believed is None:
            return None
        return Step(self._offset - self._believed, time.monotonic() - self._stepped_at)

    def ahead_s(self) -> float:
        """Return how far this machine's clock is ahead of the database's."""
        return machine_time() - self()

    def _read(self) -> float:
        at = time.monotonic()
        if self._is_own:
            self._note(machine_time() - at, at)
        return at + self._offset

    def _note(self, offset: float, at: float) -> None:
        if abs(offset - self._offset) > STEP_S and self._believed is not None:
            self._stepped_at = at
        self._offset = offset
        is_same = self._believed is None or abs(offset - self._believed) <= STEP_S
        if is_same or (self._stepped_at is not None and at - self._stepped_at > BELIEVED_S):
            self._believed, self._stepped_at = offset, None


def keep(engine: Engine) -> None:
    """From now on the engine's transactions go by its clock."""
    engine.update_execution_options(**{_CLOCK: Clock(engine)})


def of(engine: Engine) -> Clock:
    found: Clock = engine.get_execution_options()[_CLOCK]
    return found


def now(tx: Connection) -> float:
    found: Clock = tx.get_execution_options()[_CLOCK]
    return found.now(tx)
