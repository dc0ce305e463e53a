"""Puts what a database's driver says into words of the domain, once, where it enters."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cms.database import causes, damage, driver_causes, file
from cms.database.derived import derived
from cms.database.tables import kept
from cms.errors import Invalid, Unavailable, database_lost, of_system
from cms.outages import outages

_SILENT = "The database does not answer; try again."
REBUILDING = "index_rebuilding"
_DISK_FULL = "53100"
_NO_DATABASE = "3D000"
_READ_ONLY = ("25006", "0A000")
"""Another server is the primary by now, or an operator lets nobody write; a transaction that says that it writes is not
even begun."""
_BROKEN_OFF = ("25P02", "25P03", "25P04")
"""The transaction took too long, and was ended by the server."""
_NO_RIGHT = "42501"
_REFUSED = (*_READ_ONLY, *_BROKEN_OFF, _NO_RIGHT)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """`Unavailable` in place of what the driver says when the database does not answer, is lost, or has derived
    tables that are not as they should be; `Full` without room; `Invalid` for a value that it cannot hold."""
    try:
        yield
    except DBAPIError as error:
        if causes.is_of_value(error):
            detail = "The database cannot hold one of these values; shorten the longest text."
            raise Invalid(detail, code="value_refused") from error
        refusal = _of_damage(engine, error) if causes.is_possible(error) else None
        is_of_server = isinstance(error, (OperationalError, InterfaceError)) or causes.state_of(error) in _REFUSED
        if refusal is None and not is_of_server:
            raise
        raise _with_cause(engine, error, refusal or _refusal(engine, error)) from error
    except PoolTimeout as error:
        raise Unavailable(_SILENT, code="database", cause=driver_causes.of_pool(engine)) from error
    if outages.are_any():
        outages.answered(driver_causes.place_of(engine))


def _with_cause(engine: Engine, error: DBAPIError, refusal: Unavailable) -> Unavailable:
    if refusal.code != REBUILDING:
        refusal.cause = driver_causes.cause_of(engine, error)
    return refusal


def rebuilding() -> Unavailable:
    return Unavailable("What is made from the files is being made again; try again.", code=REBUILDING)


def _of_damage(engine: Engine, error: DBAPIError) -> Unavailable | None:
    """None when all tables are there, and the statement is wrong."""
    try:
        if damage.unreadable(engine, kept):
            return database_lost()
        is_damaged = causes.is_corrupt(error) or damage.unreadable(engine, derived)
    except DBAPIError as again:
        return database_lost() if causes.is_corrupt(again) else _silent()
    return rebuilding() if is_damaged else None


def _refusal(engine: Engine, error: DBAPIError) -> Unavailable:
    code = causes.code_of(error)
    if file.gone_since(engine) is not None or causes.state_of(error) == _NO_DATABASE:
        return database_lost()
    if code == sqlite3.SQLITE_FULL or causes.state_of(error) == _DISK_FULL:
        return of_system(OSError(errno.ENOSPC, ""), "The database's disk", driver_causes.place_of(engine))
    if code == sqlite3.SQLITE_READONLY:
        return of_system(OSError(errno.EROFS, ""), "The database's disk", driver_causes.place_of(engine))
    if causes.state_of(error) in _READ_ONLY:
        return read_only(engine)
    return _silent()


def lost(engine: Engine) -> Unavailable:
    return database_lost(driver_causes.of_loss(engine))


def read_only(engine: Engine) -> Unavailable:
    refusal = of_system(OSError(errno.EROFS, ""), "The database", driver_causes.place_of(engine))
    refusal.cause = driver_causes.of_standby(engine)
    return refusal


def _silent() -> Unavailable:
    return Unavailable(_SILENT, code="database")
