"""The statements behind lists: one for each shape that a list can have, built once, for to build one takes longer than
to run it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    literal_column,
    or_,
    select,
    union_all,
)

from cms.database import relevance, values
from cms.database.derived import articles
from cms.database.order import Order, orders
from cms.database.prepared import Prepared
from cms.model.field import Column, Field, Op

KEPT = 512
"""So many statements are kept."""

MOST_MERGED = 16
"""What stands on more shelves is sorted instead: to plan a merge of so many takes long."""

LEAN = (articles.c.lean, articles.c.locale)
WHOLE = (*LEAN, articles.c.lengths, articles.c.heavy)


class Comparison(NamedTuple):
    """A filter without its values, of which each is compared with one of the columns."""

    field: Field
    op: Op
    columns: tuple[Column, ...]
    is_refused: bool


@dataclass(frozen=True, slots=True)
class Shape:
    """What a statement depends on beside its parameters.

    `tiers` has the number of shelves of each locale; an article is left out when a tier before its own has its
    translation. The parameters are `shelf_0_0`, … for the shelves of the first tier, `is_0_0`, … for the values of the
    first filter, `search`, `phrase` and `exact` for what is searched for, `after_0`, … for the place, and `limit`.
    """

    tiers: tuple[int, ...]
    comparisons: tuple[Comparison, ...]
    is_search: bool
    is_postgres: bool

    def is_sorted(self, order: Order) -> bool:
        """Whether the rows have to be sorted, for no index has them in this order."""
        return self.is_search or len(order.terms) > 2 or sum(self.tiers) > MOST_MERGED


@lru_cache(maxsize=KEPT)
def in_order(shape: Shape, order: Order, *, is_whole: bool, is_behind: bool) -> Prepared:
    """Articles (`LEAN` or `WHOLE`), each with its place at the row's end, as indexes have them in this order."""
    content = WHOLE if is_whole else LEAN
    shelves = [_on(shape, order, tier, [at]) for tier, size in enumerate(shape.tiers) for at in range(size)]
    arms = [_rows(shape, order, on, content, is_behind=is_behind) for on in shelves]
    if len(arms) == 1:
        return Prepared(arms[0].order_by(*order.directed()).limit(bindparam("limit")))
    merged = union_all(*arms)
    places = list(merged.selected_columns)[len(content) :]
    return Prepared(merged.order_by(*order.directed(places)).limit(bindparam("limit")))


@lru_cache(maxsize=KEPT)
def places(shape: Shape, order: Order, *, is_behind: bool) -> Prepared:
    """Places alone, of which the key is the last: the database sorts them, and would carry content about with them."""
    found = _rows(shape, order, _anywhere(shape, order), (), is_behind=is_behind)
    # By name: what a search sorts by is not to be counted twice.
    names: list[ColumnElement[Any]] = [literal_column(f"place_{number}") for number in range(len(order.terms))]
    return Prepared(found.order_by(*order.directed(names)).limit(bindparam("limit")))


@lru_cache(maxsize=KEPT)
def count(shape: Shape) -> Prepared:
    (order,) = orders((), is_search=shape.is_search)
    found = select(func.count()).select_from(order.source)
    return Prepared(found.where(_anywhere(shape, order), *_conditions(shape, order)))


@lru_cache(maxsize=KEPT)
def content(number: int, *, is_whole: bool) -> Prepared:
    """So many articles by their keys `key_0`, …, with the key at the end."""
    wanted = WHOLE if is_whole else LEAN
    keys = [bindparam(f"key_{place}", type_=Text) for place in range(number)]
    return Prepared(select(*wanted, articles.c.key).where(articles.c.key.in_(keys)))


def _rows(
    shape: Shape, order: Order, on: ColumnElement[bool], content: tuple[ColumnElement[Any], ...], *, is_behind: bool
) -> Select[Any]:
    found = select(*content, *order.places).select_from(order.source)
    behind = (order.behind(),) if is_behind else ()
    return found.where(on, *_conditions(shape, order), *behind)


def _anywhere(shape: Shape, order: Order) -> ColumnElement[bool]:
    """Whether the row is on one of the list's shelves, of which there is one at least: SQL has no empty IN."""
    return or_(*(_on(shape, order, tier, range(size)) for tier, size in enumerate(shape.tiers)))


def _on(shape: Shape, order: Order, tier: int, numbers: Sequence[int]) -> ColumnElement[bool]:
    """Whether the row is on one of these shelves of the tier, and no translation of it is on a tier before."""
    on = _among(order.shelf, [f"shelf_{tier}_{number}" for number in numbers])
    if tier == 0:
        return on
    row, twin = articles.alias(), articles.alias()
    same = and_(row.c.key == order.key, twin.c.collection == row.c.collection, twin.c.twin == row.c.twin)
    before = [f"shelf_{other}_{at}" for other in range(tier) for at in range(shape.tiers[other])]
    return and_(on, ~exists(select(1).where(same, _among(twin.c.shelf, before))))


def _among(shelf: ColumnElement[str], names: Sequence[str]) -> ColumnElement[bool]:
    shelves = [bindparam(name, type_=Text) for name in names]
    found: ColumnElement[bool] = shelf == shelves[0] if len(shelves) == 1 else shelf.in_(shelves)
    return found


def _conditions(shape: Shape, order: Order) -> Iterator[ColumnElement[bool]]:
    yield from order.where
    if shape.is_search:
        yield relevance.condition(is_postgres=shape.is_postgres)
    for number, (field, op, columns, is_refused) in enumerate(shape.comparisons):
        wanted: list[values.Wanted] = [
            (column, bindparam(f"is_{number}_{place}")) for place, column in enumerate(columns)
        ]
        found = values.condition(order.key, field, op, wanted)
        yield ~found if is_refused else found
