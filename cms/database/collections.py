"""The collections that the site has, each with the texts of its schema and its annotation."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, insert, select

from cms.database import clock, search
from cms.database.derived import collections, indexes
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow

_BY_NAME = Prepared(select(collections).where(collections.c.name == bindparam("name")))


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(collections).order_by(collections.c.name)))


def get(tx: Connection, name: str) -> AnyRow | None:
    return _BY_NAME.on(tx, {"name": name}).one_or_none()


def put(tx: Connection, name: str, schema: str | None, annotation: str | None, mark: str) -> None:
    remove(tx, name)
    tx.execute(insert(collections).values(name=name, schema=schema, annotation=annotation, mark=mark))


def remove(tx: Connection, name: str) -> None:
    tx.execute(delete(collections).where(collections.c.name == name))


def built_stamp(tx: Connection) -> str | None:
    """The stamp of the derived tables as they are, None when they have never been filled."""
    return tx.execute(select(indexes.c.stamp)).scalar()


def set_built(tx: Connection, stamp: str) -> None:
    tx.execute(delete(indexes))
    tx.execute(insert(indexes).values(stamp=stamp, built_at=clock.now(tx)))


def clear_derived(tx: Connection) -> None:
    """Forget all that the store's files can tell again."""
    for table in collections.metadata.sorted_tables:
        tx.execute(delete(table))
    search.clear(tx)
