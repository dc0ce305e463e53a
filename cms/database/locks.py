"""Holds off other writers of the same keys, in this process and in every other.

A lock is taken before the database's write transaction, never inside it; several are taken in sorted order.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from cms.database import postgres
from cms.database.refusals import read_only, translated
from cms.errors import BUSY, Unavailable, of_system
from cms.model.ids import fold
from cms.model.image import VARIANTS

WAIT_S = 5.0
SHARDS = 1024
"""Lock files are shared by hash, so that they need no clean-up."""

_TRY_ADVISORY = text("SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_try_advisory_lock(:number) END")


class Locks(Protocol):
    def hold(self, keys: Iterable[str], wait_s: float | None = None) -> AbstractContextManager[None]:
        """Hold the keys, whatever their case and Unicode form; `Unavailable` (busy) when others hold them longer."""
        ...

    def close(self) -> None:
        """Let go of connections; nothing is held any more."""
        ...


class FileLocks:
    """For all processes of one machine: `flock` on files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError):  # it may be another user's
            folder.chmod(0o700)  # whoever can open a lock file can hold it

    @contextmanager
    def hold(self, keys: Iterable[str], wait_s: float | None = None) -> Iterator[None]:
        shards = sorted({_shard(key) for key in keys})
        deadline = time.monotonic() + (WAIT_S if wait_s is None else wait_s)
        with ExitStack() as held:
            for shard in shards:
                descriptor = self._open(f"{shard:04}")
                held.callback(os.close, descriptor)
                _wait(partial(_try_flock, descriptor), deadline)
            yield

    def _open(self, name: str) -> int:
        try:
            return os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise of_system(error, "The folder of lock files", self._folder) from error

    def close(self) -> None:
        """Nothing stays open between two holds."""


class PostgresLocks:
    """For all nodes of one database: session advisory locks, on connections of their own."""

    def __init__(self, url: str) -> None:
        # A pool apart: a writer that holds a lock still needs a connection for its transaction.
        self._engine = postgres.open_engine(url, pool_size=32, max_overflow=32, isolation_level="AUTOCOMMIT")

    @contextmanager
    def hold(self, keys: Iterable[str], wait_s: float | None = None) -> Iterator[None]:
        numbers = sorted({_number(key) for key in keys})
        deadline = time.monotonic() + (WAIT_S if wait_s is None else wait_s)
        with translated(self._engine), self._engine.connect() as connection:
            try:
                for number in numbers:
                    _wait(partial(_try_advisory, connection, number), deadline)
                yield
            finally:
                _let_go(connection)

    def close(self) -> None:
        self._engine.dispose()


def _shard(key: str) -> int:
    # A name without a slash is no file's; who holds it goes on to lock files, and must not meet itself there.
    # Variants are held as long as they are in the making, and no writer of a file waits for that.
    kind = 1 if "/" not in key else 2 if key.startswith(f"{VARIANTS}/") else 0
    return kind * SHARDS + _number(key) % SHARDS


def _number(key: str) -> int:
    digest = hashlib.sha256(fold(key).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_advisory(connection: Connection, number: int) -> bool:
    is_held = connection.execute(_TRY_ADVISORY, {"number": number}).scalar_one()
    if is_held is None:
        raise read_only(connection.engine)  # a standby gives locks to everybody who asks it, and to nobody else
    return bool(is_held)


def _let_go(connection: Connection) -> None:
    try:
        connection.execute(text("SELECT pg_advisory_unlock_all()"))
    except SQLAlchemyError:
        # Locks end with their session; that it is lost already must not hide how the block ended.
        connection.invalidate()


def _wait(attempt: Callable[[], bool], deadline: float) -> None:
    pause = 0.001
    while not attempt():
        if time.monotonic() > deadline:
            raise Unavailable("Others are writing this just now; try again.", code=BUSY, retry_after_s=1)
        time.sleep(pause)
        pause = min(pause * 2, 0.02)
