"""Says whether anything was written to the database: by this process at once, by others within `LOOK_EVERY_S`.

What is kept of answers is right as long as the generation is the same.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cms.database import postgres
from cms.database.engine import CHANNEL, WROTE
from cms.database.file import Identity, identity

LOOK_EVERY_S = 0.02
LISTEN_S = RETRY_S = 0.5
SILENT_S = 5.0
"""A database that has not been heard for so long is away."""


class Last(NamedTuple):
    """The generation when the database last answered, so many seconds ago."""

    number: int
    age_s: float


class Generation(ABC):
    """One number for all that the database holds; a process asks for it before it reads."""

    @abstractmethod
    def current(self) -> int | None:
        """Another number than before when anything may have been written since; None when nobody can tell."""

    def last(self) -> Last | None:
        """What was current, while the database is known not to answer; else None."""
        return None

    @abstractmethod
    def wrote(self) -> None:
        """This process has committed something."""

    @abstractmethod
    def close(self) -> None:
        """Nobody asks any more."""


class SqliteGeneration(Generation):
    """Asks SQLite, whose `data_version` counts what other connections have committed."""

    def __init__(self, url: str) -> None:
        self._path = url.removeprefix("sqlite:///")
        self._connection: sqlite3.Connection | None = None
        self._file: Identity | None = None
        self._lock = threading.Lock()
        self._number: int | None = None
        self._fresh_until = 0.0
        self._writes = self._writes_seen = 0

    def current(self) -> int | None:
        if time.monotonic() < self._fresh_until and self._writes_seen == self._writes:
            return self._number
        with self._lock:
            writes = self._writes  # read first: what is committed later is seen at the next look
            self._number = self._look()
            self._writes_seen, self._fresh_until = writes, time.monotonic() + LOOK_EVERY_S
            return self._number

    def wrote(self) -> None:
        self._writes += 1

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._fresh_until = None, 0.0

    def _look(self) -> int | None:
        found = identity(self._path)
        if found is None:
            return None
        try:
            number: int = self._connected(found).execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error:
            return None
        return hash((found, number))

    def _connected(self, found: Identity) -> sqlite3.Connection:
        if self._connection is None or found != self._file:
            if self._connection is not None:
                self._connection.close()
            self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
            self._file = found
        return self._connection


class PostgresGeneration(Generation):
    """Listens to PostgreSQL, which tells of every commit; while nobody listens, nobody can tell."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self._number = 0
        self._is_listening = self._is_away = False
        self._heard_at = 0.0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    def current(self) -> int | None:
        if self._thread is None:
            self._start()
        if self._is_listening and time.monotonic() - self._heard_at > SILENT_S:
            self._is_listening, self._is_away = False, True
            postgres.hang_up(self._url)
        return self._number if self._is_listening else None

    def last(self) -> Last | None:
        return Last(self._number, time.monotonic() - self._heard_at) if self._is_away else None

    def wrote(self) -> None:
        with self._lock:
            self._number += 1

    def close(self) -> None:
        self._is_closed = True  # the thread ends by itself, within `LISTEN_S`

    def _start(self) -> None:
        # Begun with the first question: server processes are forked, and threads do not come along.
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="generation", daemon=True)
                self._thread.start()

    def _listen(self) -> None:
        import psycopg  # which takes long, and SQLite does without

        while not self._is_closed:
            try:
                for _ in self._told():
                    self.wrote()
                    self._is_listening, self._is_away = True, False
            except (psycopg.Error, OSError):
                self._is_listening = False
                self._is_away = not self._answers()
            self._is_listening = False
            if not self._is_closed:
                time.sleep(RETRY_S)

    def _answers(self) -> bool:
        """Whether the database answers others, though it lets nobody listen: it may have too many connections."""
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def _told(self) -> Iterator[None]:
        """Once at the beginning, for what was missed, and then for each commit; asks again whether it still hears."""
        from psycopg import connect

        url = self._url.replace("postgresql+psycopg://", "postgresql://")
        with connect(url, autocommit=True, **postgres.options(self._url)) as connection:
            postgres.note(self._url, connection)
            connection.execute(f"LISTEN {CHANNEL}")
            self._heard_at = time.monotonic()
            yield
            while not self._is_closed:
                for _ in connection.notifies(timeout=LISTEN_S):
                    yield
                connection.execute("SELECT 1")
                self._heard_at = time.monotonic()


def watch(engine: Engine, url: str) -> Generation:
    """The generation of the database; from now on the engine's transactions tell it when they are committed."""
    found: Generation = PostgresGeneration(engine, url) if url.startswith("postgresql") else SqliteGeneration(url)
    engine.update_execution_options(**{WROTE: found.wrote})
    return found
