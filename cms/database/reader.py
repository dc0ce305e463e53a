"""A connection that stays open, for reads of which each takes a fraction of what it takes to get one.

They come one after the other: threads that take turns at Python's lock and SQLite's at every step take longer.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, event

from cms.database import file
from cms.database.engine import check, checked, read
from cms.database.refusals import translated

WAIT_S = 0.005
"""Who waits longer, behind a search perhaps, gets a connection of its own."""


class Reader:
    """Of SQLite's database alone: of other ones it is the driver that waits, and it may wait for several at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = checked(engine)
        self._is_sqlite = engine.dialect.name == "sqlite"
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        event.listen(engine, "engine_disposed", self._let_go)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """As `engine.read`, `checked`."""
        if not self._is_sqlite or not self._lock.acquire(timeout=WAIT_S):
            with read(self._engine) as tx:
                yield tx
            return
        try:
            with translated(self._engine):
                connection = self._connected()
                with connection.begin():
                    check(connection)
                    yield connection
        finally:
            self._lock.release()

    def _connected(self) -> Connection:
        if self._connection is not None and (self._connection.invalidated or not file.is_current(self._connection)):
            self._close()
        if self._connection is None:
            self._connection = self._engine.connect()
            self._connection.detach()  # it is none of those that are lent
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _let_go(self, _engine: Engine) -> None:
        with self._lock:
            self._close()
