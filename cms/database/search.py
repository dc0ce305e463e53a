"""The words of articles, for search: derived rows, in SQLite's FTS5 or behind PostgreSQL's GIN.

The database's index narrows; what is a hit, and how good a one, is decided by the same text in both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ARRAY,
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
    select,
    table,
    text,
)

from cms.database import batches
from cms.database.derived import FORMAT
from cms.database.prepared import Prepared
from cms.database.shelves import Shelf
from cms.model.search import Words, phrase

NAME = f"article_words_{FORMAT}"
words = table(
    NAME, *(column(name, Text) for name in ("key", "shelf", "data", "body", "seal")), column("vector"), column("rowid")
)
"""`data` and `body` are as `model.search.indexed` makes them; PostgreSQL has the `vector`, SQLite the `rowid`. The
`seal` is a digest of the others."""

_FILLING = (("hashsize", 64 << 20), ("automerge", 0))
_USUAL = (("hashsize", 1 << 20), ("automerge", 4))

DATA_WEIGHT = 8
"""A match in the front matter, where titles are, counts as much as so many in the body."""


_DELETE = Prepared(delete(words).where(words.c.key == bindparam("at")))
_DELETE_NUMBER = Prepared(delete(words).where(words.c.rowid == bindparam("at")))


def create(tx: Connection) -> None:
    """Make the table, unless it is there."""
    if _is_postgres(tx):
        columns = (
            "key TEXT PRIMARY KEY, shelf TEXT NOT NULL, data TEXT NOT NULL, body TEXT NOT NULL, seal TEXT NOT NULL"
        )
        tx.execute(text(f"CREATE TABLE IF NOT EXISTS {NAME} ({columns}, vector TSVECTOR NOT NULL)"))
        tx.execute(text(f"CREATE INDEX IF NOT EXISTS {NAME}_by_vector ON {NAME} USING gin (vector)"))
    else:
        # `ascii` takes every character beyond ASCII for a part of a word; the words are cut already.
        columns = "key UNINDEXED, shelf UNINDEXED, data, body, seal UNINDEXED, tokenize = 'ascii'"
        tx.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS {NAME} USING fts5 ({columns})"))


def clear(tx: Connection) -> None:
    tx.execute(delete(words))


def set_filling(tx: Connection, is_filling: bool) -> None:
    """While it is filled, SQLite's index gathers more before it writes, and does not put its parts in order."""
    if not _is_postgres(tx):
        own = table(NAME, column(NAME), column("rank"))
        for name, value in _FILLING if is_filling else _USUAL:
            tx.execute(insert(own).values({NAME: name, "rank": value}))


def put(tx: Connection, key: str, shelf: Shelf, found: Words) -> None:
    """Make the row of the article, which stands on the shelf, say these words."""
    remove(tx, key)
    add(tx, [(key, shelf, found)])


def add(tx: Connection, articles: Iterable[tuple[str, Shelf, Words]]) -> None:
    """As `put`, of articles that have no rows yet, given with their keys and shelves."""
    rows: list[dict[str, Any]] = [
        {"key": key, "shelf": shelf.name, **found._asdict(), "seal": _seal(key, shelf.name, *found)}
        for key, shelf, found in articles
    ]
    if _is_postgres(tx):
        for row in rows:
            row["tokens"] = sorted({*row["data"].split(), *row["body"].split()})
        vector = func.array_to_tsvector(cast(bindparam("tokens"), ARRAY(Text)))
        tx.execute(insert(words).values(vector=vector), rows)
    else:
        # FTS5 writes out what it has gathered whenever a number is lower than the one before.
        numbered = sorted(({**row, "rowid": _number(row["key"])} for row in rows), key=itemgetter("rowid"))
        batches.add(tx, words, numbered)


def remove(tx: Connection, key: str) -> None:
    if _is_postgres(tx):
        _DELETE.run(tx, {"at": key})
    else:
        _DELETE_NUMBER.run(tx, {"at": _number(key)})


def places(tx: Connection, keys: Sequence[str]) -> dict[str, str]:
    """On which shelves these articles stand, by key; of those whose rows are as they were made."""
    columns = words.c.key, words.c.shelf, words.c.data, words.c.body, words.c.seal
    own = words.c.key.in_(keys) if _is_postgres(tx) else words.c.rowid.in_([_number(key) for key in keys])
    return {row.key: row.shelf for row in tx.execute(select(*columns).where(own)) if row.seal == _seal(*row[:-1])}


def number(tx: Connection) -> int:
    """How many rows there are."""
    return int(tx.execute(select(func.count()).select_from(words)).scalar_one())


def check(tx: Connection) -> None:
    """Read all of SQLite's index; `DBAPIError` when it cannot be read."""
    if not _is_postgres(tx):
        tx.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab(main, {NAME}, row)"))
        tx.execute(text("SELECT count(*) FROM temp.terms")).scalar_one()


def _seal(*texts: str) -> str:
    return hashlib.blake2b("\n".join(texts).encode(), digest_size=8).hexdigest()


def condition(*, is_postgres: bool) -> ColumnElement[bool]:
    """Whether the row has the words one after the other, the last perhaps only beginning: those of `parameters`."""
    if not is_postgres:
        return column(NAME).op("MATCH", is_comparison=True)(bindparam("search", type_=Text))
    narrowed = words.c.vector.op("@@", is_comparison=True)(func.to_tsquery("simple", bindparam("search", type_=Text)))
    found = bindparam("phrase", type_=Text)
    return and_(narrowed, or_(func.strpos(words.c.data, found) > 0, func.strpos(words.c.body, found) > 0))


def parameters(wanted: Sequence[str], *, is_postgres: bool) -> dict[str, str]:
    """What `condition` and `rank` compare with."""
    *whole, last = (f"'{word}'" for word in wanted)
    query = " & ".join([*whole, f"{last}:*"]) if is_postgres else f'"{" ".join(wanted)}" *'
    return {"search": query, "phrase": phrase(wanted)}


def rank() -> ColumnElement[int]:
    """How often the words stand there, those in front matter `DATA_WEIGHT` times."""
    found = bindparam("phrase", type_=Text)

    def count(texts: ColumnElement[str]) -> ColumnElement[int]:
        return (func.length(texts) - func.length(func.replace(texts, found, ""))) // func.length(found)

    return DATA_WEIGHT * count(words.c.data) + count(words.c.body)


def _is_postgres(tx: Connection) -> bool:
    return tx.dialect.name == "postgresql"


def _number(key: str) -> int:
    """FTS5 finds rows by number only."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1
