"""Finds out which tables cannot be read."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, MetaData, Select, func, select
from sqlalchemy.exc import DBAPIError

from cms.database import search
from cms.database.causes import is_corrupt, is_possible
from cms.database.derived import articles, derived, shelves
from cms.database.tables import log


def unreadable(engine: Engine, tables: MetaData) -> list[str]:
    """The names of those of the tables that are missing, have not all their columns, or are corrupt where they begin;
    `DBAPIError` when the database does not answer."""
    looks: list[tuple[str, Select[*tuple[object, ...]]]]
    looks = [(table.name, select(table).limit(1)) for table in tables.sorted_tables]
    with engine.connect() as connection:
        if tables is derived:
            looks.append((search.NAME, select(search.words.c.key, search.words.c.texts).limit(1)))
            if search.INDEX in search.names(connection):
                looks.append((search.INDEX, select(search.index.c.rowid).limit(1)))
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
