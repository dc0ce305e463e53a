"""Finds out which tables cannot be read, and what a driver's error tells of that."""

from __future__ import annotations

import sqlite3

from sqlalchemy import Connection, Engine, MetaData, Select, func, select
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from cms.database import search
from cms.database.derived import articles, derived, shelves
from cms.database.tables import log

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CORRUPT_STATES = ("XX001", "XX002")
_MISSING_STATES = ("42P01", "42703")


def code_of(error: DBAPIError) -> int | None:
    """What SQLite calls the error, without the details; None for other databases."""
    return None if error.orig is None else _code_of(error.orig)


def has_failed(error: BaseException) -> bool:
    """Whether SQLite could not read or write its file; what could not be flushed is never tried again on the same open
    file."""
    return _code_of(error) == sqlite3.SQLITE_IOERR


def _code_of(error: BaseException) -> int | None:
    found = getattr(error, "sqlite_errorcode", None)
    return None if found is None else found & 0xFF


def is_corrupt(error: DBAPIError) -> bool:
    """Whether bytes of the database are not as the database wrote them."""
    return code_of(error) in _CORRUPT or state_of(error) in _CORRUPT_STATES


def is_possible(error: DBAPIError) -> bool:
    """Whether the error may come of a table or a column that is missing or damaged."""
    is_sqlite = isinstance(error, OperationalError) and code_of(error) == sqlite3.SQLITE_ERROR
    is_postgres = isinstance(error, ProgrammingError) and state_of(error) in _MISSING_STATES
    return is_sqlite or is_postgres or is_corrupt(error)


def unreadable(engine: Engine, tables: MetaData) -> list[str]:
    """The names of those of the tables that are missing, have not all their columns, or are corrupt where they begin;
    `DBAPIError` when the database does not answer."""
    looks: list[tuple[str, Select[*tuple[object, ...]]]]
    looks = [(table.name, select(table).limit(1)) for table in tables.sorted_tables]
    if tables is derived:
        looks.append((search.NAME, select(search.words.c.key, search.words.c.body).limit(1)))
    with engine.connect() as connection:
        return [name for name, look in looks if not _is_readable(connection, look)]


def has_log(engine: Engine) -> bool:
    """Whether the database has what makes it one of ours; `DBAPIError` when it does not answer."""
    try:
        with engine.connect() as connection:
            return _is_readable(connection, select(log).limit(1))
    except DBAPIError as error:
        if not is_corrupt(error):
            raise
        return False


def is_miscounted(tx: Connection) -> bool:
    """Whether there are more or less articles than stand on shelves."""
    number = tx.execute(select(func.count()).select_from(articles)).scalar_one()
    return bool(tx.execute(select(func.coalesce(func.sum(shelves.c.number), 0))).scalar_one() != number)


def _is_readable(connection: Connection, look: Select[*tuple[object, ...]]) -> bool:
    try:
        with connection.begin():
            connection.execute(look).first()
    except DBAPIError as error:
        if not is_possible(error):
            raise
        return False
    return True


def state_of(error: DBAPIError) -> str | None:
    """What PostgreSQL calls the error; None for other databases."""
    return getattr(error.orig, "sqlstate", None)
