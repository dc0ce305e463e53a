"""Says whether anything was written to the database since a process last asked.

What is kept of answers is right as long as the generation is the same. Commits of processes of this machine count at
once (`commits.py`). Those of other nodes count when PostgreSQL tells of them. Those of a version of this service that
does not count its commits are found in SQLite's file within `LOOK_EVERY_S`.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from cms.database import commits, driver_causes, postgres, sessions
from cms.database.engine import CHANNEL
from cms.database.file import Identity, identity
from cms.database.statements import WRITE_LOCK
from cms.outages import Cause, outages

LOOK_EVERY_S = 0.02
LISTEN_S = 0.25
RETRY_S = 0.5
SILENT_S = 5.0
"""A database that has not been heard for so long is away."""

_TRY_WRITE_LOCK = f"SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_try_advisory_xact_lock({WRITE_LOCK}) END"


class Last(NamedTuple):
    """The generation when the database last answered, so many seconds ago."""

    number: int
    age_s: float


class Generation(ABC):
    """One number for all that the database holds; a process asks for it before it reads."""

    @abstractmethod
    def current(self) -> int | None:
        """Another number than before when anything may have been written since; None when nobody can tell, as while a
        commit is under way."""

    def last(self) -> Last | None:
        """What was current, while the database is known not to answer; else None."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Nobody asks any more."""


class _Looked(NamedTuple):
    """The result of a look at the file, the count of commits then, and until when it holds (monotonic time)."""

    number: int | None = None
    counted: int | None = None
    until: float = 0.0


class SqliteGeneration(Generation):
    """Asks SQLite, whose `data_version` counts what other connections have committed, after each commit that the
    counter tells of, and every `LOOK_EVERY_S`."""

    def __init__(self, engine: Engine) -> None:
        self._path = str(engine.url.database)
        self._commits = commits.of(engine)
        self._connection: sqlite3.Connection | None = None
        self._file: Identity | None = None
        self._lock = threading.Lock()
        self._looked = _Looked()
        self._end_due = 0.0

    def current(self) -> int | None:
        count, looked = self._commits.quiet(), self._looked
        if count is not None and count == looked.counted and time.monotonic() < looked.until:
            return looked.number
        if count is None and time.monotonic() < self._end_due:
            return None
        with self._lock:
            return self._look_again()

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._looked = None, _Looked()

    def _look_again(self) -> int | None:
        self._commits.refresh()
        count = self._commits.quiet()  # read first: what is committed later is seen at the next look
        found = identity(self._path)
        number = None
        if found is not None:
            with suppress(sqlite3.Error):
                connection = self._connected(found)
                if count is None:
                    self._end_dead(connection)
                else:
                    number = hash((found, connection.execute("PRAGMA data_version").fetchone()[0]))
        self._looked = _Looked(number, count, time.monotonic() + LOOK_EVERY_S)
        return number

    def _end_dead(self, connection: sqlite3.Connection) -> None:
        """End the commit that is under way if its process died: nobody holds the write lock then."""
        self._end_due = time.monotonic() + LOOK_EVERY_S
        number = self._commits.announced()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        self._commits.end(number)

    def _connected(self, found: Identity) -> sqlite3.Connection:
        if self._connection is None or found != self._file:
            if self._connection is not None:
                self._connection.close()
            url = f"file:{quote(self._path)}?mode=rw"
            self._connection = sqlite3.connect(url, 0, isolation_level=None, check_same_thread=False, uri=True)
            self._file = found
        return self._connection


class PostgresGeneration(Generation):
    """Listens to PostgreSQL, which tells of every commit; while nobody listens, nobody can tell."""

    def __init__(self, engine: Engine, url: str) -> None:
        self._engine = engine
        self._commits = commits.of(engine)
        self._url = url
        self._heard = 0
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
        count = self._commits.quiet() if self._is_listening else None
        return None if count is None else hash((self._heard, count))

    def last(self) -> Last | None:
        # A commit that is under way may have been lost with the connection; those before it are known.
        number = hash((self._heard, self._commits.ended()))
        return Last(number, time.monotonic() - self._heard_at) if self._is_away else None

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
                    self._heard += 1
                    self._is_listening, self._is_away = True, False
            except (psycopg.Error, OSError):
                self._is_listening = False
                self._is_away = not self._answers()
                if not self._is_away:
                    self._heard += 1  # readers are told what the database says: what is in memory is past from now on
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
        with sessions.connect(self._url) as connection, sessions.connect(self._url) as speaker:
            connection.execute(f"LISTEN {CHANNEL}")
            echo = sessions.Echo(connection, speaker)
            if not echo.is_heard():
                raise self._unheard()
            self._heard_at = time.monotonic()
            self._commits.refresh()
            yield
            while not self._is_closed:
                echo.speak()
                for notice in connection.notifies(timeout=LISTEN_S):
                    if not echo.hear(notice):
                        yield
                if echo.is_lost():
                    raise self._unheard()
                self._commits.refresh()
                number, is_quiet = self._commits.announced(), self._commits.quiet() is not None
                row = connection.execute("SELECT 1" if is_quiet else _TRY_WRITE_LOCK).fetchone()
                self._heard_at = time.monotonic()
                if row and row[0]:
                    self._commits.end(number)  # nobody is writing: the process that announced it has died

    def _unheard(self) -> ConnectionError:
        """Tell operators that notifications are not heard; nothing is answered from memory meanwhile."""
        cause = Cause(driver_causes.place_of(self._engine), "a notification was not heard", sessions.POOLED)
        outages.note(cause, "database_pooled")
        return ConnectionError(sessions.POOLED)


def watch(engine: Engine, url: str) -> Generation:
    """The generation of the database, whose engine counts its commits."""
    return PostgresGeneration(engine, url) if url.startswith("postgresql") else SqliteGeneration(engine)
