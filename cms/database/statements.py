"""What one request asks of the database: how many statements, and how long until each has its first row."""

from __future__ import annotations

import time
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, event

from cms.database.derived import indexes

LOOK = f"SELECT 1 FROM {indexes.name}"  # noqa: S608  a name of ours
"""Asked first in a transaction that needs the derived tables whole."""
LOOK_BRIEFLY = f"SELECT 1, set_config('statement_timeout', '30s', true) FROM {indexes.name}"  # noqa: S608
"""As `LOOK`, of PostgreSQL: no statement of the transaction takes longer."""
WRITE_LOCK = 6516083
"""The number of PostgreSQL's advisory lock that a transaction holds which writes."""
ALONE = (
    "SELECT set_config('lock_timeout', '10s', true), set_config('idle_in_transaction_session_timeout', '30s', true),"
    f" pg_advisory_xact_lock({WRITE_LOCK})"
)
"""Asked first in each of PostgreSQL's transactions that write: it holds off the others, as SQLite's do, since what one
has read another must not change; though not for ever, should its node hang."""
OPENING = ("BEGIN", LOOK, LOOK_BRIEFLY, ALONE)


@dataclass(slots=True)
class Asked:
    """So many statements, and their seconds."""

    number: int = 0
    seconds: float = 0.0


_asked: ContextVar[Asked | None] = ContextVar("asked", default=None)


def count() -> Asked:
    """Begin anew for this thread; what is told goes on counting. Statements that open transactions do not count."""
    asked = Asked()
    _asked.set(asked)
    return asked


def note(statement: str, begun: float) -> None:
    """The statement, which began at `begun` (of `time.perf_counter`), has its answer."""
    asked = _asked.get()
    if asked is not None and not statement.startswith(OPENING):
        asked.number += 1
        asked.seconds += time.perf_counter() - begun


def watch(engine: Engine) -> None:
    """From now on the engine's statements are counted."""

    @event.listens_for(engine, "before_cursor_execute")
    def _before(_connection: Any, _cursor: Any, _statement: Any, _parameters: Any, context: Any, _many: Any) -> None:
        if context is not None:
            context.begun = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def _after(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: Any) -> None:
        if context is not None:
            note(statement, context.begun)
