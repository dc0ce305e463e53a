"""Lists of articles: filtered, sorted, page by page.

A page begins after the sort values of the page before, so that rows that come or go in between shift nothing, and the
last page costs what the first does: along each shelf goes an index in each order, and several shelves are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, union_all

from cms.database import search, shelves, values
from cms.database.derived import articles
from cms.database.order import Order, Sort, orders
from cms.database.shelves import Shelf
from cms.database.tables import AnyRow
from cms.model.field import Field, Op

MOST_MERGED = 16
"""What stands on more shelves is sorted instead: to plan a merge of so many takes long."""


@dataclass(frozen=True, slots=True)
class Clause:
    """One filter: the field's value, or one of its values, compared with the wanted ones."""

    field: Field
    op: Op
    wanted: tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which articles a list holds; None asks for all. `drafts_in` are the collections whose drafts may be seen.

    Where an article is not there in `locale`, its twin in `fallback` stands in for it. `words` are searched for.
    """

    collection: str | None = None
    locale: str | None = None
    fallback: str | None = None
    statuses: tuple[str, ...] = ("published",)
    drafts_in: tuple[str, ...] | None = ()
    clauses: tuple[Clause, ...] = ()
    words: tuple[str, ...] = ()

    def has(self, shelf: Shelf) -> bool:
        """Whether what stands on the shelf may be in the list."""
        in_locale = self.locale is None or shelf.locale in (self.locale, self.fallback)
        may_see = self.drafts_in is None or shelf.is_visible or shelf.collection in self.drafts_in
        return in_locale and may_see and shelf.status in self.statuses

    def is_stand_in(self, shelf: Shelf) -> bool:
        """Whether what stands on the shelf is in the list only where it is not there in the right locale."""
        return self.locale is not None and shelf.locale != self.locale


@dataclass(frozen=True, slots=True)
class Page:
    """Articles' rows, and the place in the order from which the next page goes on, None on the last."""

    rows: list[AnyRow]
    end: tuple[Any, ...] | None


def page(
    tx: Connection,
    wanted: Filter,
    sorts: Sequence[Sort],
    after: Sequence[Any] | None,
    limit: int,
    *,
    is_whole: bool = False,
) -> Page:
    """At most `limit` articles, after the place `after`; only with `is_whole` their rows have `json` and `lengths`."""
    asked = _Asked(tx, wanted, list(_shelves(tx, wanted)), is_whole)
    found: list[_Found] = []
    for order in orders(sorts, wanted.words) if asked.shelves else ():
        if len(found) <= limit and (after is None or not order.is_before(after)):
            found += asked.along(order, order.behind(after), limit + 1 - len(found))
    end = found[limit - 1] if len(found) > limit else None
    return Page([one.row for one in found[:limit]], None if end is None else end.order.place_of(end.placed))


def first(tx: Connection, wanted: Filter, limit: int) -> list[AnyRow]:
    """The first articles by id, whole."""
    return page(tx, wanted, [Sort("id")], None, limit, is_whole=True).rows


def total(tx: Connection, wanted: Filter) -> int:
    on = _shelves(tx, wanted)
    if not wanted.clauses and not wanted.words and not any(map(wanted.is_stand_in, on)):
        return sum(on.values())
    (order,) = orders([Sort("id")], wanted.words)
    fits = _Asked(tx, wanted, list(on)).fits(order, list(on))
    number: int = tx.execute(select(func.count()).select_from(order.source).where(*fits)).scalar_one()
    return number


def _shelves(tx: Connection, wanted: Filter) -> dict[Shelf, int]:
    return {shelf: number for shelf, number in shelves.all_of(tx, wanted.collection).items() if wanted.has(shelf)}


@dataclass(frozen=True, slots=True)
class _Found:
    """An article's row, and one that ends with its values of the order's terms."""

    row: AnyRow
    placed: AnyRow
    order: Order


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for, and the shelves on which it stands."""

    tx: Connection
    wanted: Filter
    shelves: list[Shelf]
    is_whole: bool = False

    def along(self, order: Order, behind: Sequence[ColumnElement[bool]], limit: int) -> list[_Found]:
        """The first articles in the order that are `behind` a place."""
        if self.wanted.words or not order.is_simple or len(self.shelves) > MOST_MERGED:
            return self._sorted(order, behind, limit)
        arms = [
            select(*self._content, *order.places).select_from(order.source).where(*self.fits(order, [shelf]), *behind)
            for shelf in self.shelves
        ]
        merged = union_all(*arms)
        places = list(merged.selected_columns)[-len(order.terms) :]
        found = arms[0].order_by(*order.directed()) if len(arms) == 1 else merged.order_by(*order.directed(places))
        return [_Found(row, row, order) for row in self.tx.execute(found.limit(limit)).all()]

    def _sorted(self, order: Order, behind: Sequence[ColumnElement[bool]], limit: int) -> list[_Found]:
        """As above; the database has to sort, and would carry their content about with them."""
        found = select(*order.places).select_from(order.source).where(*self.fits(order, self.shelves), *behind)
        placed = self.tx.execute(found.order_by(*order.directed()).limit(limit)).all()
        content = select(*self._content).where(articles.c.key.in_([row[-1] for row in placed]))
        rows = {row.key: row for row in self.tx.execute(content)}
        return [_Found(rows[row[-1]], row, order) for row in placed]

    @property
    def _content(self) -> list[ColumnElement[Any]]:
        heavy = [articles.c.lengths, articles.c.json] if self.is_whole else []
        return [articles.c.key, articles.c.locale, articles.c.lean, *heavy]

    def fits(self, order: Order, on: Sequence[Shelf]) -> Iterator[ColumnElement[bool]]:
        """Which rows of the order are in the list, as far as they stand on these shelves."""
        stand_ins = [shelf.name for shelf in on if self.wanted.is_stand_in(shelf)]
        own = _on(order, [shelf.name for shelf in on if not self.wanted.is_stand_in(shelf)])
        yield or_(own, and_(_on(order, stand_ins), ~self._translated())) if stand_ins else own
        yield from order.where
        if self.wanted.words:
            yield search.condition(self.tx, self.wanted.words)
        for clause in self.wanted.clauses:
            yield values.condition(order.key, clause.field, clause.op, clause.wanted)

    def _translated(self) -> ColumnElement[bool]:
        twin = articles.alias()
        names = [shelf.name for shelf in self.shelves if not self.wanted.is_stand_in(shelf)]
        same = and_(twin.c.collection == articles.c.collection, twin.c.twin == articles.c.twin)
        return exists(select(1).where(same, twin.c.shelf.in_(names)))


def _on(order: Order, names: list[str]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = order.shelf == names[0] if len(names) == 1 else order.shelf.in_(names)
    return found
