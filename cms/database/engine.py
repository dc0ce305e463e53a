"""Opens the database and its transactions.

A write transaction sees everything committed before it began and holds off other writers; a read transaction is one
snapshot. Functions of this room take the transaction first and never commit.
"""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cms.errors import Unavailable, of_system

BUSY_MS = 10_000
WROTE = "cms_wrote"
"""The engine's option that names whom to tell of each commit."""
CHANNEL = "cms_written"
"""Where PostgreSQL tells of them."""
_DISK_FULL = "53100"


def open_engine(url: str) -> Engine:
    """The database behind `sqlite:///path` (made when missing) or `postgresql+psycopg://…`; connects on first use."""
    if url.startswith("sqlite"):
        return _open_sqlite(url)
    return create_engine(url, pool_pre_ping=True)


@contextmanager
def write(engine: Engine) -> Iterator[Connection]:
    """A transaction that commits at the end of the block; `Unavailable` when the database does not answer."""
    with translated(), engine.connect() as connection:
        writing = connection.execution_options(cms_begin="BEGIN IMMEDIATE")
        with writing.begin():
            yield writing
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"NOTIFY {CHANNEL}")  # delivered with the commit
    if tell := engine.get_execution_options().get(WROTE):
        tell()


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A snapshot to read from."""
    with translated(), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def _open_sqlite(url: str) -> Engine:
    folder = Path(url.removeprefix("sqlite:///")).parent
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # Python's own transaction control would delay BEGIN until the first write; ours is explicit.
        connection.isolation_level = None
        _use_wal(connection)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("cms_begin", "BEGIN"))

    @event.listens_for(engine, "handle_error")
    def _let_go(context: ExceptionContext) -> None:
        # What could not be flushed is never tried again on the same open file.
        if isinstance(context.sqlalchemy_exception, DBAPIError):
            context.is_disconnect |= _code(context.sqlalchemy_exception) == sqlite3.SQLITE_IOERR

    return engine


def _use_wal(connection: sqlite3.Connection) -> None:
    # Of several that open a new file at once, SQLite refuses some on the spot, whatever their time-out.
    deadline = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


@contextmanager
def translated() -> Iterator[None]:
    """`Unavailable` in place of what the database's driver says when it does not answer; `Full` without room."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise _refusal(error) from error
    except PoolTimeout as error:
        raise _silent() from error


def _refusal(error: DBAPIError) -> Unavailable:
    if _code(error) == sqlite3.SQLITE_FULL or getattr(error.orig, "sqlstate", None) == _DISK_FULL:
        return of_system(OSError(errno.ENOSPC, ""), "The database's disk")
    if _code(error) == sqlite3.SQLITE_READONLY:
        return of_system(OSError(errno.EROFS, ""), "The database's disk")
    return _silent()


def _code(error: DBAPIError) -> int | None:
    """What SQLite calls the error, without the details; None for other databases."""
    found = getattr(error.orig, "sqlite_errorcode", None)
    return None if found is None else found & 0xFF


def _silent() -> Unavailable:
    return Unavailable("The database does not answer; try again.", code="database")
