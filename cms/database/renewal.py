"""Takes away what is left of damaged derived tables, and makes them again, empty and without a stamp."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, delete, inspect, text

from cms.database import search
from cms.database.derived import create_all, derived, indexes
from cms.database.engine import write
from cms.database.refusals import REBUILDING
from cms.errors import Unavailable

NAMES = {table.name for table in derived.sorted_tables} | {search.NAME, search.INDEX}
"""Those that only one database has among them."""


def make_missing(tx: Connection) -> None:
    """Make the derived tables that are missing; where one is, the others are not believed either."""
    needed = {table.name for table in derived.sorted_tables} | search.names(tx)
    if not set(inspect(tx).get_table_names()) >= needed:
        create_all(tx)
        search.create(tx)
        tx.execute(delete(indexes))


def drop_others(tx: Connection) -> None:
    """Remove the derived tables of other versions, which make them again should they come back."""
    kinds = {name.rpartition("_")[0] for name in NAMES}
    for name in inspect(tx).get_table_names():
        kind, _, number = name.rpartition("_")
        if kind in kinds and number.isdecimal() and name not in NAMES:
            tx.execute(text(f"DROP TABLE {name}"))


def discard(engine: Engine) -> None:
    """Remove all of them, however they are, and make them again."""
    try:
        with write(engine) as tx:
            _drop(tx)
            make_missing(tx)
    except Unavailable as error:
        if error.code != REBUILDING or engine.dialect.name != "sqlite":
            raise
        _cut_out(engine)
        with write(engine) as tx:
            make_missing(tx)


def _drop(tx: Connection) -> None:
    # Readers look at this one first, and are waited for: else they and we could wait for each other for ever.
    for found in (indexes, *(other for other in derived.sorted_tables if other is not indexes)):
        found.drop(tx, checkfirst=True)
    for name in search.names(tx):
        tx.execute(text(f"DROP TABLE IF EXISTS {name}"))


def _cut_out(engine: Engine) -> None:
    """SQLite drops no table whose pages it cannot read: forget them, and write all others to a new file."""
    names = ", ".join(f"'{name}'" for name in NAMES)
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA writable_schema=ON")
        where = f"tbl_name IN ({names}) OR tbl_name LIKE '{search.INDEX}~_%' ESCAPE '~'"
        cursor.execute(f"DELETE FROM sqlite_master WHERE {where}")  # noqa: S608  names of ours
        cursor.execute("PRAGMA writable_schema=RESET")
        cursor.execute("VACUUM")
    finally:
        connection.close()
