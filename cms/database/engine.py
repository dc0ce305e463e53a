"""Opens the database and its transactions.

A write transaction sees everything committed before it began and holds off other writers; a read transaction is one
snapshot. Functions of this room take the transaction first and never commit.
"""

from __future__ import annotations

import errno
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cms.database import statements
from cms.errors import Unavailable, of_system

BUSY_MS = 10_000
WROTE = "cms_wrote"
"""The engine's option that names whom to tell of each commit."""
CHANNEL = "cms_written"
"""Where PostgreSQL tells of them."""
_DISK_FULL = "53100"
_USUAL = ("synchronous=FULL", f"busy_timeout={BUSY_MS}")
_FILLING = ("cache_size=-65536", "wal_autocheckpoint=20000")


def open_engine(url: str) -> Engine:
    """The database behind `sqlite:///path` (made when missing) or `postgresql+psycopg://…`; connects on first use."""
    engine = _open_sqlite(url) if url.startswith("sqlite") else create_engine(url, pool_pre_ping=True)
    statements.watch(engine)
    return engine


@contextmanager
def filling(engine: Engine) -> Iterator[Engine]:
    """An engine of its own for the block, for writing a great many rows to the same database."""
    url = engine.url.render_as_string(hide_password=False)
    is_sqlite = engine.dialect.name == "sqlite"
    own = _open_sqlite(url, (*_USUAL, *_FILLING)) if is_sqlite else open_engine(url)
    own.update_execution_options(**engine.get_execution_options())  # whom to tell of commits
    try:
        yield own
        if is_sqlite:
            # Else whoever writes next would have to bring all of the log into the database.
            own.raw_connection().cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        own.dispose()


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


def _open_sqlite(url: str, pragmas: Sequence[str] = _USUAL) -> Engine:
    folder = Path(url.removeprefix("sqlite:///")).parent
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # Python's own transaction control would delay BEGIN until the first write; ours is explicit.
        connection.isolation_level = None
        _use_wal(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        begin = connection.get_execution_options().get("cms_begin")
        if begin is None:
            connection.connection.cursor().execute("BEGIN")  # it waits for nobody
        else:
            connection.exec_driver_sql(begin)

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
