"""Lists of articles: filtered, sorted, page by page.

A page begins after the sort values of the page before, so that rows that come or go in between shift nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, case, exists, func, or_, select
from sqlalchemy import true as always

from cms.database import search, values
from cms.database.derived import article_values, articles
from cms.database.tables import AnyRow
from cms.model.field import Field, Op

RANK = "relevance"
BUILT_IN = ("id", "created_at", "updated_at", RANK)
"""What lists are sorted by without a schema; by relevance only where words are searched for."""


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


@dataclass(frozen=True, slots=True)
class Sort:
    """By one of `BUILT_IN`, or by a field's first value; articles without one come last."""

    by: str | Field
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """An article's row, and its place in the order, from which the next page goes on."""

    row: AnyRow
    place: tuple[Any, ...]


Order = list[tuple[ColumnElement[Any], bool]]
"""Expressions, never null, each with whether it descends; the key at the end makes the order total."""


def page(
    tx: Connection, wanted: Filter, sorts: Sequence[Sort], after: Sequence[Any] | None, limit: int
) -> list[Listed]:
    """At most `limit` articles, after the place `after`."""
    source, order = _ordered(_source(wanted), sorts, wanted)
    places = [expression.label(f"place_{number}") for number, (expression, _) in enumerate(order)]
    found = _matching(tx, select(articles, *places).select_from(source), wanted)
    if after is not None:
        found = found.where(_behind(order, after))
    found = found.order_by(*(expr.desc() if descending else expr for expr, descending in order)).limit(limit)
    return [Listed(row, tuple(getattr(row, place.name) for place in places)) for row in tx.execute(found)]


def first(tx: Connection, wanted: Filter, limit: int) -> list[AnyRow]:
    """The first articles by id."""
    return [listed.row for listed in page(tx, wanted, [Sort("id")], None, limit)]


def total(tx: Connection, wanted: Filter) -> int:
    found = select(func.count()).select_from(_source(wanted))
    number: int = tx.execute(_matching(tx, found, wanted)).scalar_one()
    return number


def _source(wanted: Filter) -> FromClause:
    return articles.join(search.words, search.words.c.key == articles.c.key) if wanted.words else articles


def _matching(tx: Connection, found: Select[Any], wanted: Filter) -> Select[Any]:
    found = found.where(articles.c.status.in_(wanted.statuses))
    if wanted.collection is not None:
        found = found.where(articles.c.collection == wanted.collection)
    if wanted.locale is not None:
        found = found.where(_in_locale(wanted))
    if wanted.drafts_in is not None:
        found = found.where(_may_see(articles, wanted))
    if wanted.words:
        found = found.where(search.condition(tx, wanted.words))
    return found.where(always(), *(values.condition(c.field, c.op, c.wanted) for c in wanted.clauses))


def _may_see(rows: FromClause, wanted: Filter) -> ColumnElement[bool]:
    if wanted.drafts_in is None:
        return always()
    visible: ColumnElement[bool] = rows.c.visible | rows.c.collection.in_(wanted.drafts_in)
    return visible


def _in_locale(wanted: Filter) -> ColumnElement[bool]:
    own: ColumnElement[bool] = articles.c.locale == wanted.locale
    if wanted.fallback is None:
        return own
    twin = articles.alias()
    translated = exists(
        select(1).where(
            twin.c.collection == articles.c.collection,
            twin.c.twin == articles.c.twin,
            twin.c.locale == wanted.locale,
            twin.c.status.in_(wanted.statuses),
            _may_see(twin, wanted),
        )
    )
    return own | ((articles.c.locale == wanted.fallback) & ~translated)


def _ordered(source: FromClause, sorts: Sequence[Sort], wanted: Filter) -> tuple[FromClause, Order]:
    order: Order = []
    for sort in sorts:
        if sort.by == RANK:
            order.append((search.rank(wanted.words), sort.descending))
            continue
        if isinstance(sort.by, str):
            order.append((articles.c[sort.by], sort.descending))
            continue
        row = article_values.alias()
        same = and_(row.c.key == articles.c.key, row.c.field == sort.by.name, row.c.position == 0)
        source = source.outerjoin(row, same)
        is_number = sort.by.kind in ("number", "boolean")
        column: ColumnElement[Any] = row.c.number if is_number else row.c.text
        order.append((case((column.is_(None), 1), else_=0), False))
        order.append((func.coalesce(column, 0.0 if is_number else ""), sort.descending))
    return source, [*order, (articles.c.key, False)]


def _behind(order: Order, after: Sequence[Any]) -> ColumnElement[bool]:
    """Whether a row stands behind the place, by the first expression that differs."""
    steps: list[ColumnElement[bool]] = []
    for number, ((expression, descending), value) in enumerate(zip(order, after, strict=True)):
        same = [earlier == place for (earlier, _), place in zip(order[:number], after, strict=False)]
        steps.append(and_(*same, expression < value if descending else expression > value))
    return or_(*steps)
