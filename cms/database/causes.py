"""What a driver's error tells: SQLite's result codes, PostgreSQL's SQLSTATE."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DataError, DBAPIError, OperationalError, ProgrammingError

_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CORRUPT_STATES = ("XX001", "XX002")
_PROGRAM_LIMIT = "54"
_MISSING_STATES = ("42P01", "42703")


def code_of(error: DBAPIError) -> int | None:
    """What SQLite calls the error, without the details; None for other databases."""
    return None if error.orig is None else _code_of(error.orig)


def keep_first_line(error: BaseException) -> None:
    """Cut off what a driver's error says beyond its first line, where PostgreSQL tells the values of a row."""
    error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:]) if error.args else ()


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


def is_of_value(error: DBAPIError) -> bool:
    """Whether the database or its driver refuses a value: a data exception, as of SQLSTATE class 22, or a limit that it
    exceeds, as of class 54."""
    return isinstance(error, DataError) or (state_of(error) or "").startswith(_PROGRAM_LIMIT)


def is_possible(error: DBAPIError) -> bool:
    """Whether the error may come of a table or a column that is missing or damaged."""
    is_sqlite = isinstance(error, OperationalError) and code_of(error) == sqlite3.SQLITE_ERROR
    is_postgres = isinstance(error, ProgrammingError) and state_of(error) in _MISSING_STATES
    return is_sqlite or is_postgres or is_corrupt(error)


def state_of(error: DBAPIError) -> str | None:
    """What PostgreSQL calls the error; None for other databases."""
    return getattr(error.orig, "sqlstate", None)
