"""The words of articles, for search: derived rows, in SQLite's FTS5 or behind PostgreSQL's GIN.

The database's index narrows; what is a hit, and how good a one, is decided by the same text in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    or_,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from cms.database.derived import FORMAT
from cms.model.search import Words, phrase

NAME = f"article_words_{FORMAT}"
words = table(NAME, *(column(name, Text) for name in ("key", "data", "body")), column("vector"), column("rowid"))
"""`data` and `body` are as `model.search.indexed` makes them; PostgreSQL has the `vector`, SQLite the `rowid`."""

_FILLING = (("hashsize", 64 << 20), ("automerge", 0))
_USUAL = (("hashsize", 1 << 20), ("automerge", 4))

DATA_WEIGHT = 8
"""A match in the front matter, where titles are, counts as much as so many in the body."""


def create(tx: Connection) -> None:
    """Make the table, unless it is there."""
    if _is_postgres(tx):
        columns = "key TEXT PRIMARY KEY, data TEXT NOT NULL, body TEXT NOT NULL, vector TSVECTOR NOT NULL"
        tx.execute(text(f"CREATE TABLE IF NOT EXISTS {NAME} ({columns})"))
        tx.execute(text(f"CREATE INDEX IF NOT EXISTS {NAME}_by_vector ON {NAME} USING gin (vector)"))
    else:
        # `ascii` takes every character beyond ASCII for a part of a word; the words are cut already.
        columns = "key UNINDEXED, data, body, tokenize = 'ascii'"
        tx.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS {NAME} USING fts5 ({columns})"))


def clear(tx: Connection) -> None:
    tx.execute(delete(words))


def set_filling(tx: Connection, is_filling: bool) -> None:
    """While it is filled, SQLite's index gathers more before it writes, and does not put its parts in order."""
    if not _is_postgres(tx):
        own = table(NAME, column(NAME), column("rank"))
        for name, value in _FILLING if is_filling else _USUAL:
            tx.execute(insert(own).values({NAME: name, "rank": value}))


def put(tx: Connection, key: str, found: Words) -> None:
    """Make the article's row say these words."""
    remove(tx, key)
    add(tx, [(key, found)])


def add(tx: Connection, articles: Iterable[tuple[str, Words]]) -> None:
    """As `put`, of articles that have no rows yet, given with their keys."""
    rows: list[dict[str, Any]] = [{"key": key, "data": found.data, "body": found.body} for key, found in articles]
    if _is_postgres(tx):
        for row in rows:
            row["tokens"] = sorted({*row["data"].split(), *row["body"].split()})
        vector = func.array_to_tsvector(cast(bindparam("tokens"), ARRAY(Text)))
        tx.execute(insert(words).values(vector=vector), rows)
    else:
        # FTS5 writes out what it has gathered whenever a number is lower than the one before.
        numbered = sorted(({**row, "rowid": _number(row["key"])} for row in rows), key=itemgetter("rowid"))
        tx.execute(insert(words), numbered)


def remove(tx: Connection, key: str) -> None:
    own = words.c.key == key if _is_postgres(tx) else words.c.rowid == _number(key)
    tx.execute(delete(words).where(own))


def condition(tx: Connection, wanted: Sequence[str]) -> ColumnElement[bool]:
    """Whether the row has the words one after the other, the last perhaps only beginning."""
    if _is_postgres(tx):
        *whole, last = (f"'{word}'" for word in wanted)
        query = func.to_tsquery("simple", " & ".join([*whole, f"{last}:*"]))
        narrowed: ColumnElement[bool] = words.c.vector.op("@@", is_comparison=True)(query)
    else:
        narrowed = column(NAME).op("MATCH", is_comparison=True)(f'"{" ".join(wanted)}" *')
    found = phrase(wanted)
    return and_(narrowed, or_(words.c.data.contains(found), words.c.body.contains(found)))


def rank(wanted: Sequence[str]) -> ColumnElement[int]:
    """How often the words stand there, those in front matter `DATA_WEIGHT` times."""
    found = phrase(wanted)

    def count(texts: ColumnElement[str]) -> ColumnElement[int]:
        return (func.length(texts) - func.length(func.replace(texts, found, ""))) // len(found)

    return DATA_WEIGHT * count(words.c.data) + count(words.c.body)


def _is_postgres(tx: Connection) -> bool:
    return tx.dialect.name == "postgresql"


def _number(key: str) -> int:
    """FTS5 finds rows by number only."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
