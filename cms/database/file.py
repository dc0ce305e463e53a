"""SQLite's file: whether a database is in it, and whether it is still the one that was opened."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DisconnectionError

from cms.clock import machine_time

Identity = tuple[int, int]
OWNER_ONLY = 0o600
COUNTER = "-commits"
"""The ending of the file beside the database in which commits are counted."""
_ENDINGS = ("-wal", "-shm", "")
_IDENTITY, _WATCHED = "cms_identity", "cms_watched"
_BEGINNING = b"SQLite format 3\0"


def identity(path: str) -> Identity | None:
    """Another one for another file at the same place; None when there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116  before each transaction, and pathlib takes twice as long
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class _Watched:
    """The file at a path, which is open for as long as the engine: SQLite's locks would end with whoever closes it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._opened: Identity | None = None
        self._lock = threading.Lock()
        self.gone_since: float | None = None

    def look(self) -> float | None:
        with self._lock:
            if self._is_there():
                self.gone_since = None
            elif self.gone_since is None:
                self.gone_since = machine_time()
            return self.gone_since

    def _is_there(self) -> bool:
        found = identity(self._path)
        if found is None:
            return False
        try:
            return self._begins_well(found)
        except OSError:
            return True  # what ails the disk is told by who reads it

    def _begins_well(self, found: Identity) -> bool:
        if self._descriptor is None or found != self._opened:
            self._close()
            self._descriptor, self._opened = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC), found
        return os.pread(self._descriptor, len(_BEGINNING), 0) == _BEGINNING

    def close(self) -> None:
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None


def gone_since(engine: Engine) -> float | None:
    """Since when there is no database in SQLite's file, or no file, though connections to it may live on; in seconds
    since the epoch, None while all is well."""
    watched: _Watched | None = engine.get_execution_options().get(_WATCHED)
    return None if watched is None else watched.look()


class Opener:
    """Opens connections; makes the file with the first one only, so that one that is lost is not made again, empty.

    The file is for its owner alone, and so are those that SQLite makes beside it.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self._path, self._timeout_s = path, timeout_s
        self._is_first = True
        self._lock = threading.Lock()

    def __call__(self) -> sqlite3.Connection:
        if self._is_first:
            with self._lock:
                self._make_private()
                self._is_first = False
        url = f"file:{quote(self._path)}?mode=rw"
        return sqlite3.connect(url, uri=True, timeout=self._timeout_s, check_same_thread=False)

    def _make_private(self) -> None:
        # What is wrong with the folder or the file is told by SQLite.
        with suppress(OSError):
            # Only a new file is opened here: closing it would end the locks of a connection to it.
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY))
        place = os.path.realpath(self._path)  # as SQLite takes it
        for ending in (*_ENDINGS, COUNTER):
            with suppress(OSError):
                os.chmod(place + ending, OWNER_ONLY)  # noqa: PTH101


def watch(engine: Engine) -> None:
    """From now on connections to a file that another one has taken the place of are not used any more."""
    path = str(engine.url.database)
    watched = _Watched(path)
    engine.update_execution_options(**{_WATCHED: watched})

    @event.listens_for(engine, "connect")
    def _note(_connection: Any, record: Any) -> None:
        record.info[_IDENTITY] = identity(path)

    @event.listens_for(engine, "checkout")
    def _compare(_connection: Any, record: Any, _proxy: Any) -> None:
        if not _is_same(path, record.info):
            raise DisconnectionError("the file is another one")

    @event.listens_for(engine, "engine_disposed")
    def _close(_engine: Engine) -> None:
        watched.close()


def is_current(connection: Connection) -> bool:
    """Whether no other file has taken the place of the one that the connection leads to."""
    return _is_same(str(connection.engine.url.database), connection.info)


def _is_same(path: str, info: dict[Any, Any]) -> bool:
    return identity(path) in (None, info[_IDENTITY])


def set_aside(engine: Engine) -> None:
    """Give the file, and what belongs to it, other names, and put an empty one in its place; nothing is removed."""
    path = Path(str(engine.url.database))
    engine.dispose()
    number = 1
    while path.with_name(f"{path.name}.lost-{number}").exists():
        number += 1
    for ending in _ENDINGS:
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(path.with_name(f"{path.name}.lost-{number}{ending}"))
    path.touch(mode=OWNER_ONLY)
