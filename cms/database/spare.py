"""Connections to SQLite that stay open between transactions, of which most take less than it takes to get one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event

from cms.database import file

MOST = 8
"""As many as there are threads in a server process."""
_SPARE = "cms_spare"


class _Spare:
    def __init__(self) -> None:
        self._idle: list[Connection] = []
        self._times_emptied = 0

    @contextmanager
    def lend(self, engine: Engine) -> Iterator[Connection]:
        before = self._times_emptied
        connection = self._take() or engine.connect()
        try:
            yield connection
        except BaseException:
            connection.close()  # which ends a transaction whose commit has failed
            raise
        if before != self._times_emptied:
            _end(connection)
        elif len(self._idle) < MOST:
            self._idle.append(connection)
        else:
            connection.close()

    def _take(self) -> Connection | None:
        while self._idle:
            try:
                found = self._idle.pop()
            except IndexError:
                return None  # another thread was faster
            if not found.invalidated and file.is_current(found):
                return found
            _end(found)
        return None

    def empty(self) -> None:
        self._times_emptied += 1
        while (found := self._take()) is not None:
            _end(found)


def _end(connection: Connection) -> None:
    if not connection.invalidated:
        connection.detach()  # else it would live on in a pool that nobody has any more
    connection.close()


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
