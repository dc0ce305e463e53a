"""The values of articles' fields, one row each, for filters and sorts: derived rows."""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
)

from cms.database import batches
from cms.database.batches import among
from cms.database.derived import article_values, articles
from cms.database.prepared import Prepared
from cms.database.shelves import Shelf
from cms.model.field import Column, Field, Op
from cms.model.field_values import NOWHERE, Value

Wanted = tuple[Column, Any]
"""A value that a filter names, after the column that it is compared with."""

_DELETE = Prepared(delete(article_values).where(article_values.c.key == bindparam("at")))


def put(tx: Connection, key: str, shelf: Shelf, values: Iterable[Value]) -> None:
    """Make the rows of one article, which stands on the shelf, say these values."""
    remove(tx, key)
    add(tx, [(key, shelf, values)])


def add(tx: Connection, found: Iterable[tuple[str, Shelf, Iterable[Value]]]) -> None:
    """As `put`, of articles that have no rows yet, given with their keys and shelves."""
    rows = [
        {
            "key": key,
            "shelf": name,
            "field": value.field,
            "position": value.position,
            "text": value.text,
            "number": value.number,
        }
        for key, name, values in ((key, shelf.name, values) for key, shelf, values in found)
        for value in values
    ]
    batches.add(tx, article_values, rows)


def remove(tx: Connection, key: str) -> None:
    _DELETE.run(tx, {"at": key})


class Found(NamedTuple):
    """A row of an article's, as it stands there."""

    shelf: str
    field: str
    position: int
    text: str | None
    number: float | None


def of(tx: Connection, keys: Collection[str]) -> dict[str, set[Found]]:
    """The rows of these articles, by key."""
    columns = [article_values.c[name] for name in Found._fields]
    found: dict[str, set[Found]] = defaultdict(set)
    for here in among(article_values.c.key, keys):
        for key, *row in tx.execute(select(article_values.c.key, *columns).where(here)):
            found[key].add(Found(*row))
    return found


def number(tx: Connection) -> int:
    """How many rows there are."""
    return int(tx.execute(select(func.count()).select_from(article_values)).scalar_one())


def find_missing(tx: Connection, collection: str, fields: Iterable[Field]) -> None:
    """The collection's articles can be sorted by these fields: give a row `NOWHERE` to each that has nothing there."""
    own = select(articles.c.key).where(articles.c.collection == collection)
    nowhere = article_values.c.position == NOWHERE
    tx.execute(delete(article_values).where(nowhere, article_values.c.key.in_(own)))
    for field in (field for field in fields if field.is_sortable):
        row = article_values.alias()
        is_first = and_(row.c.key == articles.c.key, row.c.field == field.name, row.c.position == 0)
        there = exists(select(1).where(is_first, or_(*(row.c[name].is_not(None) for name in field.columns))))
        columns = (articles.c.key, literal(field.name), literal(NOWHERE), articles.c.shelf)
        missing = select(*columns).where(articles.c.collection == collection, ~there)
        tx.execute(insert(article_values).from_select(["key", "field", "position", "shelf"], missing))


def condition(key: ColumnElement[str], field: Field, op: Op, wanted: Sequence[Wanted]) -> ColumnElement[bool]:
    """Whether the article at the key has a value of the field that fits what is `wanted`, as `parameters` gives it."""
    row = article_values.alias()
    own = and_(row.c.key == key, row.c.field == field.name, row.c.position > NOWHERE)
    return exists(select(1).where(own, _fits(row, field, op, wanted)))


def parameters(field: Field, op: Op, wanted: tuple[str | float, ...]) -> tuple[str | float, ...]:
    """What a filter's values are compared as."""
    if op == "exists":
        return ()
    if op == "contains" and not field.is_list:
        return tuple("%" + _SPECIAL.sub(r"/\g<0>", one) + "%" if isinstance(one, str) else one for one in wanted)
    return wanted


def column_for(value: str | float) -> Column:
    """The column that a filter's value is compared with."""
    return "text" if isinstance(value, str) else "number"


def is_refused(op: Op, wanted: tuple[str | float, ...]) -> bool:
    """Whether the list has what does not fit: `ne` holds when no value is equal."""
    return op == "ne" or (op == "exists" and wanted[0] is False)


def coerced(tx: Connection, shelves: Collection[str], fields: Collection[str]) -> set[str]:
    """Return those of the fields, all of dates, in which an article on these shelves has a text or a number."""
    row = article_values.c
    found = select(row.field).where(row.shelf.in_(shelves), row.field.in_(fields)).distinct()
    return set(tx.execute(found.where(row.head.is_not(None), row.number.is_not(None))).scalars())


def _fits(row: FromClause, field: Field, op: Op, wanted: Sequence[Wanted]) -> ColumnElement[bool]:
    if op == "exists":
        return true()
    (name, first), *_ = wanted
    column: ColumnElement[Any] = row.c[name]
    if op == "contains" and not field.is_list:
        return column.like(first, escape=_ESCAPE) if name == "text" else column.between(first, wanted[1][1])
    if op in _COMPARE:
        return _COMPARE[op](column, first)
    columns = sorted({name for name, _ in wanted})
    return or_(*(row.c[column].in_([value for name, value in wanted if name == column]) for column in columns))


_ESCAPE = "/"
_SPECIAL = re.compile("[%_/]")
_COMPARE: dict[Op, Callable[[Any, Any], ColumnElement[bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
