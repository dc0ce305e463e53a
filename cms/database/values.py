"""The values of articles' fields, one row each, for filters and sorts: derived rows."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, select, true

from cms.database.derived import article_values, articles
from cms.model.field import Field, Op, Value


def put(tx: Connection, key: str, values: Iterable[Value]) -> None:
    """Make the rows of one article say these values."""
    remove(tx, key)
    add(tx, [(key, values)])


def add(tx: Connection, found: Iterable[tuple[str, Iterable[Value]]]) -> None:
    """As `put`, of articles that have no rows yet, given with their keys."""
    rows = [
        {"key": key, "field": value.field, "position": value.position, "text": value.text, "number": value.number}
        for key, values in found
        for value in values
    ]
    if rows:
        tx.execute(insert(article_values), rows)


def remove(tx: Connection, key: str) -> None:
    tx.execute(delete(article_values).where(article_values.c.key == key))


def condition(field: Field, op: Op, wanted: tuple[str | float, ...]) -> ColumnElement[bool]:
    """Whether an article has a value of the field that fits; `ne` holds when no value is equal."""
    row = article_values.alias()
    column: ColumnElement[Any] = row.c.number if field.kind in ("number", "boolean") else row.c.text
    found = exists(
        select(1).where(row.c.key == articles.c.key, row.c.field == field.name, _fits(column, field, op, wanted))
    )
    refused = op == "ne" or (op == "exists" and wanted[0] is False)
    return ~found if refused else found


def _fits(column: ColumnElement[Any], field: Field, op: Op, wanted: tuple[str | float, ...]) -> ColumnElement[bool]:
    if op == "exists":
        return true()
    if op == "in":
        return column.in_(wanted)
    if op == "contains" and not field.is_list:
        return column.contains(wanted[0], autoescape=True)
    compare = _COMPARE.get(op)
    fits: ColumnElement[bool] = column == wanted[0] if compare is None else compare(column, wanted[0])
    return fits


_COMPARE: dict[Op, Callable[[Any, Any], ColumnElement[bool]]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
