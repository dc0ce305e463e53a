"""Opens the database and its transactions.

A write transaction sees everything committed before it began and holds off other writers; a read transaction is one
snapshot. Functions of this room take the transaction first and never commit.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError

from cms.database import causes, clock, commits, file, postgres, prepared, relevance, spare, statements
from cms.database.refusals import lost, rebuilding, translated
from cms.model import words

BUSY_MS = 10_000
CHANNEL = "cms_written"
"""Where PostgreSQL tells of commits."""
IS_WRITING = "cms_is_writing"
"""The connection's option while it is in a transaction that may write."""
CHECKED = "cms_checked"
"""The engine's option by which its transactions are refused while the derived tables are not whole."""
_USUAL = ("synchronous=FULL", f"busy_timeout={BUSY_MS}")
_FILLING = ("cache_size=-65536", "wal_autocheckpoint=20000")


def open_engine(url: str, folder: Path | None = None) -> Engine:
    """The database behind `sqlite:///path` (made when missing) or `postgresql+psycopg://…`; connects on first use.

    `folder` is the site's own on this machine, None where there is none; commits to a server are counted there.
    """
    engine = _open_sqlite(url) if url.startswith("sqlite") else postgres.open_engine(url)
    commits.keep(engine, commits.file_of(url, folder))
    statements.watch(engine)
    clock.keep(engine)
    return engine


@contextmanager
def filling(engine: Engine) -> Iterator[Engine]:
    """An engine of its own for the block, for writing a great many rows to the same database."""
    url = engine.url.render_as_string(hide_password=False)
    is_sqlite = engine.dialect.name == "sqlite"
    own = _open_sqlite(url, (*_USUAL, *_FILLING)) if is_sqlite else open_engine(url)
    own.update_execution_options(**engine.get_execution_options())  # commits are counted together
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
    with translated(engine), spare.lent(engine) as connection, _writing(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(statements.ALONE)
        _check_file(engine)
        _check(engine, connection)
        yield connection
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"NOTIFY {CHANNEL}")  # delivered with the commit
        number = commits.of(engine).announce()
    commits.of(engine).end(number)
    _check_file(engine)  # else nobody would ever read what was committed


@contextmanager
def write_aside(engine: Engine) -> Iterator[Connection]:
    """Open a write transaction for rows that no kept answer shows: leases, heartbeats, answers to repeated requests.

    PostgreSQL neither holds off other writers nor tells of the commit, so that the answers in memory stay. SQLite has
    one writer at a time, and its file tells of each commit; the counter of commits does not. `Unavailable` when the
    database does not answer.
    """
    with translated(engine), spare.lent(engine) as connection, _writing(connection), connection.begin():
        _check_file(engine)
        yield connection


@contextmanager
def _writing(connection: Connection) -> Iterator[None]:
    connection.execution_options(**{IS_WRITING: True})
    try:
        yield
    finally:
        connection.execution_options(**{IS_WRITING: False})


@contextmanager
def read(engine: Engine) -> Iterator[Connection]:
    """A snapshot to read from."""
    with translated(engine), spare.lent(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            _check(engine, connection)
            yield connection


def checked(engine: Engine, *, is_checked: bool = True) -> Engine:
    """The same engine, whose transactions are `Unavailable` while the derived tables are being made; or are not."""
    return engine.execution_options(**{CHECKED: is_checked})


def _check_file(engine: Engine) -> None:
    if file.gone_since(engine) is not None:
        raise lost(engine)


def _check(engine: Engine, connection: Connection) -> None:
    # In the transaction's own snapshot, so that nobody takes half-filled tables for the site.
    is_checked = engine.get_execution_options().get(CHECKED)
    look = statements.LOOK if connection.dialect.name == "sqlite" else statements.LOOK_BRIEFLY
    if is_checked and prepared.execute(connection, look, ()).fetchone() is None:
        raise rebuilding()


def _open_sqlite(url: str, pragmas: Sequence[str] = _USUAL) -> Engine:
    folder = Path(url.removeprefix("sqlite:///")).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    opener = file.Opener(str(make_url(url).database), BUSY_MS / 1000)
    engine = create_engine(url, creator=opener, hide_parameters=True)  # they are secrets and drafts, which no log gets
    file.watch(engine)
    spare.keep(engine)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # Python's own transaction control would delay BEGIN until the first write; ours is explicit.
        connection.isolation_level = None
        _use_wal(connection)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        connection.create_function(relevance.FUNCTION, 3, words.relevance, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get(IS_WRITING)
        prepared.execute(connection, "BEGIN IMMEDIATE" if is_writing else "BEGIN", ())

    @event.listens_for(engine, "handle_error")
    def _let_go(context: ExceptionContext) -> None:
        if isinstance(context.sqlalchemy_exception, DBAPIError):
            context.is_disconnect |= causes.has_failed(context.original_exception)

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
