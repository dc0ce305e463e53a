"""Lists of articles: filtered, sorted, page by page.

A page begins after the sort values of the page before, so that rows that come or go in between shift nothing, and the
last page costs what the first does: along each shelf goes an index in each order, and several shelves are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from cms.database import queries, relevance, shelves, values
from cms.database.order import Order, Sort, orders
from cms.database.queries import Comparison, Shape
from cms.database.shelves import Shelf
from cms.database.tables import AnyRow
from cms.model.field import Field, Op


@dataclass(frozen=True, slots=True)
class Clause:
    """One filter: the field's value, or one of its values, compared with the wanted ones."""

    field: Field
    op: Op
    wanted: tuple[str | float, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which articles a list holds; None asks for all. `drafts_in` are the collections whose drafts may be seen.

    Of articles that are translations of each other it holds the one whose locale comes first in `locales`, which are in
    small letters. `words` are searched for.
    """

    collection: str | None = None
    locales: tuple[str, ...] | None = None
    statuses: tuple[str, ...] = ("published",)
    drafts_in: tuple[str, ...] | None = ()
    clauses: tuple[Clause, ...] = ()
    words: tuple[str, ...] = ()

    def has(self, shelf: Shelf) -> bool:
        """Whether what stands on the shelf may be in the list."""
        in_locale = self.locales is None or (shelf.locale or "").lower() in self.locales
        may_see = self.drafts_in is None or shelf.is_visible or shelf.collection in self.drafts_in
        return in_locale and may_see and shelf.status in self.statuses

    def tier(self, shelf: Shelf) -> int:
        """Return the place of the shelf's locale in `locales`."""
        return 0 if self.locales is None else self.locales.index((shelf.locale or "").lower())


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
    """At most `limit` articles, after the place `after`; only with `is_whole` their rows have `lengths` and `heavy`."""
    asked = _ask(tx, wanted)
    found: list[tuple[AnyRow, AnyRow, Order]] = []
    for order in orders(tuple(sorts), is_search=bool(wanted.words)) if asked.shelves else ():
        if len(found) <= limit and (after is None or not order.is_before(after)):
            rows = _along(tx, asked, order, order.rest_of(after), limit + 1 - len(found), is_whole=is_whole)
            found += [(*one, order) for one in rows]
    end = None
    if len(found) > limit:
        _, placed, order = found[limit - 1]
        end = order.place_of(placed)
    return Page([row for row, *_ in found[:limit]], end)


def first(tx: Connection, wanted: Filter, limit: int) -> list[AnyRow]:
    """The first articles by id, as lists show them."""
    return page(tx, wanted, [Sort("id")], None, limit).rows


def total(tx: Connection, wanted: Filter) -> int:
    asked = _ask(tx, wanted)
    if not wanted.clauses and not wanted.words and len(asked.shape.tiers) <= 1:
        return sum(asked.shelves.values())
    number: int = queries.count(asked.shape).on(tx, asked.parameters).scalar_one() if asked.shelves else 0
    return number


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked for: the shelves on which it stands, and how to ask."""

    shelves: dict[Shelf, int]
    shape: Shape
    parameters: dict[str, Any]


def _ask(tx: Connection, wanted: Filter) -> _Asked:
    on = {shelf: number for shelf, number in shelves.all_of(tx, wanted.collection).items() if wanted.has(shelf)}
    tiers = [list(tier) for _, tier in groupby(sorted(on, key=wanted.tier), key=wanted.tier)]
    parameters: dict[str, Any] = {
        f"shelf_{tier}_{number}": shelf.name for tier, found in enumerate(tiers) for number, shelf in enumerate(found)
    }
    is_postgres = tx.dialect.name == "postgresql"
    if wanted.words:
        parameters |= relevance.parameters(wanted.words, is_postgres=is_postgres)
    comparisons = []
    for number, clause in enumerate(wanted.clauses):
        compared = values.parameters(clause.field, clause.op, clause.wanted)
        parameters |= {f"is_{number}_{place}": value for place, value in enumerate(compared)}
        columns = tuple(map(values.column_for, compared))
        is_refused = values.is_refused(clause.op, clause.wanted)
        comparisons.append(Comparison(clause.field, clause.op, columns, is_refused))
    shape = Shape(tuple(map(len, tiers)), tuple(comparisons), bool(wanted.words), is_postgres)
    return _Asked(on, shape, parameters)


def _along(
    tx: Connection, asked: _Asked, order: Order, after: Sequence[Any] | None, limit: int, *, is_whole: bool
) -> list[tuple[AnyRow, AnyRow]]:
    """The articles after the place, each with a row that ends with its own place."""
    is_behind = after is not None
    place = {f"after_{number}": value for number, value in enumerate(after or ())}
    parameters = {**asked.parameters, **place, "limit": limit}
    if not asked.shape.is_sorted(order):
        found = queries.in_order(asked.shape, order, is_whole=is_whole, is_behind=is_behind)
        return [(row, row) for row in found.on(tx, parameters).all()]
    placed = queries.places(asked.shape, order, is_behind=is_behind).on(tx, parameters).all()
    if not placed:
        return []
    keys = {f"key_{number}": row[-1] for number, row in enumerate(placed)}
    rows = {row.key: row for row in queries.content(len(keys), is_whole=is_whole).on(tx, keys)}
    return [(rows[row[-1]], row) for row in placed]
