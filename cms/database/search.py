"""The words of articles, for search: derived rows, behind SQLite's FTS5 or PostgreSQL's GIN.

What is indexed has no marks; FTS5 keeps no text of its own, and each row numbers what its index has of the article.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from sqlalchemy import (
    ARRAY,
    Connection,
    Text,
    bindparam,
    cast,
    column,
    delete,
    func,
    insert,
    select,
    table,
    text,
)

from cms.database import batches
from cms.database.derived import FORMAT
from cms.database.prepared import Prepared
from cms.database.shelves import Shelf
from cms.model.compression import decompress
from cms.model.words import Words, without_exact

NAME = f"article_words_{FORMAT}"
INDEX = f"article_words_index_{FORMAT}"
"""SQLite's index of the words, which deletes an article's only when it is told the same text again."""

words = table(NAME, *(column(name) for name in ("number", "key", "shelf", "seal", "texts", "vector")))
"""`texts` are an article's `Words`, which PostgreSQL compresses itself. PostgreSQL has the `vector`, SQLite the
`number`, by which `index` knows the row. The `seal` is a digest of the others."""

index = table(INDEX, *(column(name) for name in ("rowid", "texts", "rank", INDEX)))

_FILLING = (("hashsize", 64 << 20), ("automerge", 0))
_USUAL = (("hashsize", 1 << 20), ("automerge", 4))

_DELETE = Prepared(delete(words).where(words.c.key == bindparam("at", type_=Text)))
_BY_KEY = Prepared(select(words.c.number, words.c.texts).where(words.c.key == bindparam("at", type_=Text)))
_LAST_NUMBER = Prepared(select(func.max(words.c.number)))
_FORGET = Prepared(
    insert(index).values({INDEX: "delete", "rowid": bindparam("number"), "texts": bindparam("old", type_=Text)})
)


def names(tx: Connection) -> set[str]:
    """Return the names of the tables that hold words in this database."""
    return {NAME} if _is_postgres(tx) else {NAME, INDEX}


def create(tx: Connection) -> None:
    """Make the tables, unless they are there."""
    columns = "key TEXT NOT NULL UNIQUE, shelf TEXT NOT NULL, seal TEXT NOT NULL"
    if _is_postgres(tx):
        columns = f"{columns}, texts TEXT NOT NULL, vector TSVECTOR NOT NULL".replace("TEXT", 'TEXT COLLATE "C"')
        tx.execute(text(f"CREATE TABLE IF NOT EXISTS {NAME} ({columns})"))
        tx.execute(text(f"CREATE INDEX IF NOT EXISTS {NAME}_by_vector ON {NAME} USING gin (vector)"))
    else:
        # FTS5 writes so many bytes for each article in which a word is as the difference of their numbers has.
        columns = f"number INTEGER PRIMARY KEY, {columns}, texts BLOB NOT NULL"
        tx.execute(text(f"CREATE TABLE IF NOT EXISTS {NAME} ({columns})"))
        # `ascii` takes every character beyond ASCII for a part of a word; the words are cut already.
        own = "texts, content = '', tokenize = 'ascii'"
        tx.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5 ({own})"))


def clear(tx: Connection) -> None:
    tx.execute(delete(words))
    if not _is_postgres(tx):
        tx.execute(insert(index).values({INDEX: "delete-all"}))


def set_filling(tx: Connection, is_filling: bool) -> None:
    """While it is filled, SQLite's index gathers more before it writes, and does not put its parts in order."""
    if not _is_postgres(tx):
        for name, value in _FILLING if is_filling else _USUAL:
            tx.execute(insert(index).values({INDEX: name, "rank": value}))


def put(tx: Connection, key: str, shelf: Shelf, found: Words) -> None:
    """Make the row of the article, which stands on the shelf, say these words."""
    remove(tx, key)
    add(tx, [(key, shelf, found)])


def add(tx: Connection, articles: Iterable[tuple[str, Shelf, Words]]) -> None:
    """As `put`, of articles that have no rows yet, given with their keys and shelves."""
    rows = [(key, shelf.name, found) for key, shelf, found in articles]
    (_add_to_postgres if _is_postgres(tx) else _add_to_sqlite)(tx, rows)


def _add_to_postgres(tx: Connection, rows: Sequence[tuple[str, str, Words]]) -> None:
    vector = func.array_to_tsvector(cast(bindparam("tokens"), ARRAY(Text)))
    found = [
        {
            "key": key,
            "shelf": shelf,
            "seal": _seal(key, shelf, texts),
            "texts": texts,
            "tokens": sorted(set(without_exact(texts).split())),
        }
        for key, shelf, texts in ((key, shelf, decompress(packed)) for key, shelf, packed in rows)
    ]
    if found:
        tx.execute(insert(words).values(vector=vector), found)


def _add_to_sqlite(tx: Connection, rows: Sequence[tuple[str, str, Words]]) -> None:
    # FTS5 writes out what it has gathered whenever a number is lower than the one before.
    first = (_LAST_NUMBER.on(tx).scalar() or 0) + 1
    found = [
        {"number": number, "key": key, "shelf": shelf, "seal": _seal(key, shelf, packed), "texts": packed}
        for number, (key, shelf, packed) in enumerate(rows, first)
    ]
    batches.add(tx, words, found)
    plain = [without_exact(decompress(packed)) for *_, packed in rows]
    batches.add(tx, index, [{"rowid": number, "texts": text} for number, text in enumerate(plain, first)])


def remove(tx: Connection, key: str) -> None:
    """Remove the article's words; raise ValueError where SQLite's row is damaged."""
    if not _is_postgres(tx):
        for row in _BY_KEY.on(tx, {"at": key}).all():
            _FORGET.run(tx, {"number": row.number, "old": without_exact(decompress(row.texts))})
    _DELETE.run(tx, {"at": key})


def places(tx: Connection, keys: Sequence[str]) -> dict[str, str]:
    """On which shelves these articles stand, by key; of those whose rows are as they were made."""
    columns = words.c.key, words.c.shelf, words.c.texts, words.c.seal
    found = tx.execute(select(*columns).where(words.c.key.in_(keys)))
    return {row.key: row.shelf for row in found if row.seal == _seal(row.key, row.shelf, row.texts)}


def number(tx: Connection) -> int:
    """How many rows there are."""
    return int(tx.execute(select(func.count()).select_from(words)).scalar_one())


def is_indexed(tx: Connection) -> bool:
    """Return whether SQLite's index has as many articles as there are rows, after reading all of it; `DBAPIError` when
    it cannot be read."""
    if _is_postgres(tx):
        return True
    tx.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab(main, {INDEX}, row)"))
    tx.execute(text("SELECT count(*) FROM temp.terms")).scalar_one()
    return bool(tx.execute(select(func.count()).select_from(index)).scalar_one() == number(tx))


def _seal(key: str, shelf: str, texts: str | bytes) -> str:
    data = texts.encode() if isinstance(texts, str) else texts
    return hashlib.blake2b(f"{key}\n{shelf}\n".encode() + data, digest_size=8).hexdigest()


def _is_postgres(tx: Connection) -> bool:
    return tx.dialect.name == "postgresql"
