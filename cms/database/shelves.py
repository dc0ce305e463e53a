"""Shelves: on each stand the articles of one collection, locale and status, and it knows how many they are.

Lists go along one shelf, or along several at once; what would be counted is counted here already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from cms.database.derived import shelves
from cms.database.tables import log
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


def all_of(tx: Connection, collection: str | None = None) -> dict[Shelf, int]:
    """The shelves that are not empty, of one collection or of all, in the order of names, with how many stand there."""
    found = select(shelves).where(shelves.c.number > 0).order_by(shelves.c.name)
    if collection is not None:
        found = found.where(shelves.c.collection == collection)
    return {Shelf(row.collection, row.locale, row.status): row.number for row in tx.execute(found)}


def count(tx: Connection, more: Mapping[Shelf, int]) -> None:
    """So many more stand on each shelf, or less."""
    changed = {shelf: number for shelf, number in more.items() if number}
    if changed:
        # Where writers of the log queue, too: two that wait for each other's rows would wait for ever.
        tx.execute(select(log.c.seq).with_for_update()).one()
    for shelf, number in changed.items():
        own = update(shelves).where(shelves.c.name == shelf.name).values(number=shelves.c.number + number)
        if tx.execute(own).rowcount == 0:
            tx.execute(insert(shelves).values(name=shelf.name, **shelf._asdict(), number=number))
