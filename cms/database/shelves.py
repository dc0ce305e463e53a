"""Shelves: on each stand the articles of one collection, locale and status, and it knows how many they are.

Lists go along one shelf, or along several at once; what would be counted is counted here already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, update

from cms.database.derived import shelves
from cms.database.prepared import Prepared
from cms.model.visibility import Status, is_visible


class Shelf(NamedTuple):
    collection: str
    locale: str | None
    status: Status

    @property
    def is_visible(self) -> bool:
        return is_visible(self.status)

    @property
    def name(self) -> str:
        return f"{self.collection}/{self.locale or ''}/{self.status}"


_COLUMNS = (shelves.c.collection, shelves.c.locale, shelves.c.status, shelves.c.number)
_FULL = select(*_COLUMNS).where(shelves.c.number > 0).order_by(shelves.c.name)
_ALL = Prepared(_FULL)
_IN_ONE = Prepared(_FULL.where(shelves.c.collection == bindparam("collection")))


def all_of(tx: Connection, collection: str | None = None) -> dict[Shelf, int]:
    """The shelves that are not empty, of one collection or of all, in the order of names, with how many stand there."""
    rows = _ALL.on(tx) if collection is None else _IN_ONE.on(tx, {"collection": collection})
    return {Shelf(*place): number for *place, number in rows.all()}


def count(tx: Connection, more: Mapping[Shelf, int]) -> None:
    """So many more stand on each shelf, or less."""
    for shelf, number in more.items():
        if not number:
            continue
        own = update(shelves).where(shelves.c.name == shelf.name).values(number=shelves.c.number + number)
        if tx.execute(own).rowcount == 0:
            tx.execute(insert(shelves).values(name=shelf.name, **shelf._asdict(), number=number))
