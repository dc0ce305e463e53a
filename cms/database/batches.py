"""Asks for many rows, and adds many, at once."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, TableClause, and_, insert, select

from cms.database import prepared

T = TypeVar("T")

AT_ONCE = 500
"""So many values one statement names; databases have limits."""


def in_steps(items: Collection[T], size: int = AT_ONCE) -> Iterator[Sequence[T]]:
    remaining = iter(items)
    while step := list(islice(remaining, size)):
        yield step


def among(column: ColumnElement[str], found: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Conditions that each find some of the rows with one of these values."""
    for step in in_steps(found):
        yield column.in_(step)


def present(tx: Connection, column: ColumnElement[str], found: Collection[str]) -> set[str]:
    """Those of the values that stand in the column."""
    return {value for here in among(column, found) for value in tx.execute(select(column).where(here)).scalars()}


def at(column: ColumnElement[str], places: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """As `among`; of a place that ends in a slash, all that begins with it."""
    yield from among(column, [place for place in places if not place.endswith("/")])
    for place in places:
        if place.endswith("/"):  # by the index, which SQLite does not use for LIKE
            yield and_(column >= place, column < place[:-1] + chr(ord("/") + 1))


def add(tx: Connection, into: TableClause, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert the rows, all of which name the same columns in the same order, with values as the driver takes them."""
    if not rows:
        return
    if tx.dialect.name != "sqlite":
        tx.execute(insert(into), rows)
        return
    # What SQLAlchemy does for each row takes longer than what SQLite does.
    names = ", ".join(map(tx.dialect.identifier_preparer.quote, rows[0]))
    marks = ", ".join("?" * len(rows[0]))
    own = f"INSERT INTO {into.name} ({names}) VALUES ({marks})"  # noqa: S608  names of ours
    prepared.execute(tx, own, [tuple(row.values()) for row in rows], is_many=True)


def pairs(tx: Connection, found: Select[str, str]) -> dict[str, str]:
    """The rows of a query for two columns."""
    return dict(tx.execute(found).all())


def in_order(
    tx: Connection, key: ColumnElement[str], other: ColumnElement[str], after: str
) -> Generator[tuple[str, str], None, None]:
    """The pairs of these columns by the code points of the first, of those after `after`; not all at once."""
    found = select(key, other).where(key > after).order_by(key).execution_options(yield_per=AT_ONCE)
    with tx.execute(found) as rows:
        yield from ((row[0], row[1]) for row in rows)
