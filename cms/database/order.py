"""The orders that lists have, each with an index that goes along a shelf.

Articles without a value to sort by come last, and so an order by a field is several, one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Label, and_, bindparam, case, func, literal_column, or_, tuple_

from cms.database import search
from cms.database.derived import article_values, articles
from cms.database.relevance import Relevance
from cms.database.tables import AnyRow
from cms.model.field import Column, Field
from cms.model.field_values import NOWHERE

RANK = "relevance"
BUILT_IN = ("id", "created_at", "updated_at", RANK)
"""What lists are sorted by without a schema; by relevance only where words are searched for."""


@dataclass(frozen=True, slots=True)
class Sort:
    """By one of `BUILT_IN`, or by a field's first value; articles without one come last."""

    by: str | Field
    descending: bool = False


Term = tuple[ColumnElement[Any], bool]
"""An expression, never null, and whether it descends."""


@dataclass(frozen=True, eq=False, slots=True)
class Order:
    """Rows of `source` that fit `where`, by the `terms`, of which the last is the key and makes the order total. A
    row's place in the whole list is `begun` and the values of the terms."""

    source: FromClause
    shelf: ColumnElement[str]
    key: ColumnElement[str]
    where: tuple[ColumnElement[bool], ...] = ()
    begun: tuple[Any, ...] = ()
    terms: tuple[Term, ...] = ()

    def by(self, sorts: Sequence[Sort], *, descending: bool) -> Order:
        """Sorted by these, too, and in the end by the key."""
        source, terms = self.source, list(self.terms)
        for sort in sorts:
            if sort.by == RANK:
                terms.append((Relevance(), sort.descending))
            elif isinstance(sort.by, str):
                terms.append((articles.c[sort.by], sort.descending))
            else:
                row = article_values.alias()
                same = and_(row.c.key == self.key, row.c.field == sort.by.name, row.c.position == 0)
                source = source.outerjoin(row, same)
                terms += _terms(row, sort)
        terms.append((self.key, descending))
        return Order(source, self.shelf, self.key, self.where, self.begun, tuple(terms))

    @property
    def places(self) -> list[Label[Any]]:
        return [expression.label(f"place_{number}") for number, (expression, _) in enumerate(self.terms)]

    def directed(self, columns: Sequence[ColumnElement[Any]] | None = None) -> list[ColumnElement[Any]]:
        """What to order by: the terms or, in their stead, these columns."""
        expressions = [expression for expression, _ in self.terms] if columns is None else columns
        down = [descending for _, descending in self.terms]
        return [one.desc() if is_down else one for one, is_down in zip(expressions, down, strict=True)]

    def is_before(self, place: Sequence[Any]) -> bool:
        """Whether the place is behind all of this order's rows."""
        return bool(self.begun) and place[0] > self.begun[0]

    def place_of(self, row: AnyRow) -> tuple[Any, ...]:
        """The place of a row that ends with the values of the terms."""
        return (*self.begun, *row[-len(self.terms) :])

    def rest_of(self, place: Sequence[Any] | None) -> Sequence[Any] | None:
        """The place without what it begins with; None when all of this order stands behind it."""
        is_all = place is None or (self.begun and place[0] < self.begun[0])
        return None if place is None or is_all else place[len(self.begun) :]

    def behind(self) -> ColumnElement[bool]:
        """Whether a row stands behind the place `after_0`, …, which is given without what it begins with."""
        place = [bindparam(f"after_{number}", type_=one.type) for number, (one, _) in enumerate(self.terms)]
        (first, descending), *rest = self.terms
        if all(other == descending for _, other in rest):
            row, there = tuple_(*(expression for expression, _ in self.terms)), tuple_(*place)
            return row < there if descending else row > there
        # An index leads to where the first term is reached, and on from there.
        return and_(first <= place[0] if descending else first >= place[0], self._differs(place))

    def _differs(self, place: Sequence[ColumnElement[Any]]) -> ColumnElement[bool]:
        steps: list[ColumnElement[bool]] = []
        for number, ((expression, descending), value) in enumerate(zip(self.terms, place, strict=True)):
            same = [earlier == value for (earlier, _), value in zip(self.terms[:number], place, strict=False)]
            steps.append(and_(*same, expression < value if descending else expression > value))
        return or_(*steps)


@lru_cache(maxsize=256)
def orders(sorts: tuple[Sort, ...], *, is_search: bool = False) -> tuple[Order, ...]:
    """Those that follow each other in a list so sorted."""
    first, rest = sorts[0] if sorts else None, sorts[1:]
    is_down = first is not None and first.descending
    if is_search:
        words = search.words
        needs_rows = any(sort.by != RANK for sort in sorts)
        source = words.join(articles, articles.c.key == words.c.key) if needs_rows else words
        return (Order(source, words.c.shelf, words.c.key).by(sorts, descending=is_down),)
    if first is None or isinstance(first.by, str):
        return (Order(articles, articles.c.shelf, articles.c.key).by(sorts, descending=is_down),)
    return (*_by_field(first, rest), _without_value(first, rest))


def columns_of(sort: Sort) -> tuple[Column, ...]:
    """The columns of a field's values, in the order in which they are listed; none for what is no field."""
    columns = sort.by.columns if isinstance(sort.by, Field) else ()
    return columns[::-1] if sort.descending else columns


def _by_field(sort: Sort, rest: Sequence[Sort]) -> Iterator[Order]:
    """Yield the orders of the articles that have a value to sort by: by one column after the other."""
    columns = columns_of(sort)
    for number, name in enumerate(columns):
        row = article_values.alias()
        is_only_text = [row.c.number.is_(None)] if name == "text" and len(columns) > 1 else []
        column = row.c[_SORTED[name]]
        there = (*_own(row, sort), row.c.position == 0, column.is_not(None), *is_only_text)
        source = row.join(articles, articles.c.key == row.c.key)
        order = Order(source, row.c.shelf, row.c.key, there, (number,), ((column, sort.descending),))
        yield order.by(rest, descending=sort.descending)


def _without_value(sort: Sort, rest: Sequence[Sort]) -> Order:
    row, columns = article_values.alias(), columns_of(sort)
    source = row.join(articles, articles.c.key == row.c.key)
    missing = (*_own(row, sort), row.c.position == literal_column(str(NOWHERE)))  # as its index has it
    begun = (len(columns), NOTHING[columns[-1]])
    return Order(source, row.c.shelf, row.c.key, missing, begun).by(rest, descending=sort.descending)


def _own(row: FromClause, sort: Sort) -> tuple[ColumnElement[bool], ...]:
    return (row.c.field == sort.by.name,) if isinstance(sort.by, Field) else ()


def _terms(row: FromClause, sort: Sort) -> Iterator[Term]:
    """Yield the terms of a field that is not sorted by first: which of its columns has the value, and the values."""
    columns = columns_of(sort)
    # A date that is written as text has both: it counts as a number.
    there = [(row.c[name].is_not(None), columns.index(name)) for name in sorted(columns)]
    yield case(*there, else_=len(columns)), False
    for name in columns:
        yield func.coalesce(row.c[_SORTED[name]], NOTHING[name]), sort.descending


_SORTED: dict[Column, str] = {"number": "number", "text": "head"}
"""The column that has a value as lists are sorted by it."""

NOTHING: dict[Column, float | str] = {"number": 0.0, "text": ""}
"""Stands in a place for the value that is missing."""
