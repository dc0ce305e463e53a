"""The time that all nodes go by: the database's, since their own clocks may differ by minutes. Seconds since the epoch.

With SQLite there is one machine, and its own clock. PostgreSQL is asked now and then.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

ASK_EVERY_S = 60.0
_CLOCK = "cms_clock"
_ASK = text("SELECT extract(epoch FROM clock_timestamp())")


class DatabaseClock:
    """Goes on by the monotonic clock, which nobody sets."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._offset = time.time() - time.monotonic()
        self._right_until = 0.0

    def __call__(self) -> float:
        if time.monotonic() > self._right_until:
            try:
                with self._engine.connect() as connection:
                    self._ask(connection)
            except SQLAlchemyError:
                self._right_until = time.monotonic() + 1  # it goes on as it went
        return time.monotonic() + self._offset

    def now(self, tx: Connection) -> float:
        if time.monotonic() > self._right_until:
            self._ask(tx)
        return time.monotonic() + self._offset

    def _ask(self, tx: Connection) -> None:
        before = time.monotonic()
        moment = float(tx.execute(_ASK).scalar_one())
        after = time.monotonic()
        self._offset, self._right_until = moment - (before + after) / 2, after + ASK_EVERY_S


def keep(engine: Engine) -> None:
    """From now on the engine's transactions go by its clock."""
    if engine.dialect.name == "postgresql":
        engine.update_execution_options(**{_CLOCK: DatabaseClock(engine)})


def of(engine: Engine) -> Callable[[], float]:
    found: Callable[[], float] = engine.get_execution_options().get(_CLOCK, time.time)
    return found


def now(tx: Connection) -> float:
    found: DatabaseClock | None = tx.get_execution_options().get(_CLOCK)
    return time.time() if found is None else found.now(tx)
