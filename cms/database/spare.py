"""Connections to SQLite that stay open between reads, of which most take less than it takes to get a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event

from cms.database import file

MOST = 5
"""As many as there are threads in a server process."""
_SPARE = "cms_spare"


class _Spare:
    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._times_emptied = 0

    @contextmanager
    def lend(self, engine: Engine) -> Iterator[Connection]:
        before = self._times_emptied
        connection = self._take() or _connected(engine)
        try:
            yield connection
        finally:
            if before != self._times_emptied or len(self._idle) >= MOST:
                connection.close()
            else:
                self._idle.append(connection)

    def _take(self) -> Connection | None:
        while self._idle:
            try:
                found = self._idle.pop()
            except IndexError:
                return None  # another thread was faster
            if not found.invalidated and file.is_current(found):
                return found
            found.close()
        return None

    def empty(self) -> None:
        self._times_emptied += 1
        while (found := self._take()) is not None:
            found.close()


def keep(engine: Engine) -> None:
    """From now on, connections of this engine are kept, until it is disposed of."""
    spare = _Spare()
    engine.update_execution_options(**{_SPARE: spare})

    @event.listens_for(engine, "engine_disposed")
    def _empty(_engine: Engine) -> None:
        spare.empty()


@contextmanager
def lent(engine: Engine) -> Iterator[Connection]:
    """A connection for the block, which leaves no transaction open."""
    spare: _Spare | None = engine.get_execution_options().get(_SPARE)
    with engine.connect() if spare is None else spare.lend(engine) as connection:
        yield connection


def _connected(engine: Engine) -> Connection:
    connection = engine.connect()
    connection.detach()  # it counts for none of those that the pool may lend
    return connection
