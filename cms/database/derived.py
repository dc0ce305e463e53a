"""The tables that are derived: made from the store's files, by what they are now, and dropped when they are not right.

They carry the format in their names, so that versions can run side by side. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Computed,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from cms.model.field_values import HEAD

FORMAT = 11
"""Raised whenever what the derived tables hold is computed differently."""

derived = MetaData()

_HEAD = Computed(f"substr(text, 1, {HEAD})")

TEXT = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its code points, which is SQLite's own order."""

_WHERE = "where"


def _only(where: str) -> dict[str, Any]:
    """An index of these rows alone; the dialect of PostgreSQL takes long to import, and is told by `create_all`."""
    return {"sqlite_where": text(where), "info": {_WHERE: where}}


indexes = Table(
    f"indexes_{FORMAT}",
    derived,
    Column("stamp", TEXT, primary_key=True),
    Column("built_at", Float(53), nullable=False),
)

collections = Table(
    f"collections_{FORMAT}",
    derived,
    Column("name", TEXT, primary_key=True),
    Column("schema", TEXT),
    Column("annotation", TEXT),
    Column("mark", TEXT, nullable=False),
)

shelves = Table(
    f"shelves_{FORMAT}",
    derived,
    Column("name", TEXT, primary_key=True),  # the three below, as `shelves.name_of` writes them
    Column("collection", TEXT, nullable=False),
    Column("locale", TEXT),
    Column("status", TEXT, nullable=False),
    Column("number", BigInteger, nullable=False),  # of the articles that stand there
)

articles = Table(
    f"articles_{FORMAT}",
    derived,
    Column("key", TEXT, primary_key=True),
    Column("collection", TEXT, nullable=False),
    Column("id", TEXT, nullable=False),
    Column("fold", TEXT, nullable=False),  # the id without case and Unicode form
    Column("locale", TEXT),
    Column("twin", TEXT, nullable=False),  # the id without its locale
    Column("status", TEXT, nullable=False),  # published, draft, scheduled, broken
    Column("shelf", TEXT, nullable=False),
    Column("visible", Boolean, nullable=False),
    Column("due", Float(53)),  # when the clock publishes it; null when it does not
    Column("version", TEXT, nullable=False),
    Column("digest", TEXT, nullable=False),
    Column("seq", BigInteger, nullable=False),  # the last change that touched what it shows
    Column("created_at", Float(53), nullable=False),
    Column("updated_at", Float(53), nullable=False),
    Column("mark", TEXT, nullable=False),  # the store's mark of the bytes read; "" asks for another look
    Column("problems", TEXT, nullable=False),
    Column("lengths", TEXT, nullable=False),  # of each member of the JSON
    Column("lean", TEXT, nullable=False),
    Column("heavy", LargeBinary, nullable=False),  # the last, for SQLite reads up to the column that is wanted
    Index(f"articles_{FORMAT}_by_id", "collection", "id"),
    Index(f"articles_{FORMAT}_by_fold", "collection", "fold"),
    Index(f"articles_{FORMAT}_by_twin", "collection", "twin"),
    Index(f"articles_{FORMAT}_by_seq", "seq"),
    Index(f"articles_{FORMAT}_by_due", "due"),
    *(
        Index(f"articles_{FORMAT}_in_order_of_{name}", "shelf", name, "key")
        for name in ("id", "created_at", "updated_at")
    ),
)

article_values = Table(
    f"article_values_{FORMAT}",
    derived,
    Column("key", TEXT, primary_key=True),
    Column("field", TEXT, primary_key=True),  # the value's keys with dots between them
    Column("position", Integer, primary_key=True),  # of a list's items; -1 says that there is nothing to sort by
    Column("shelf", TEXT, nullable=False),  # the article's
    Column("text", TEXT),  # of dates, those that are written as texts or numbers
    Column("head", TEXT, _HEAD),  # as lists are sorted by it
    Column("number", Float(53)),  # of dates, milliseconds since 1970
    *(
        Index(f"article_values_{FORMAT}_in_order_of_{name}", "shelf", "field", name, "key", "position", **_only(where))
        for name, where in (("head", "head IS NOT NULL"), ("number", "number IS NOT NULL"))
    ),
    Index(f"article_values_{FORMAT}_missing", "shelf", "field", "key", **_only("position = -1")),
    sqlite_with_rowid=False,
)

article_images = Table(
    f"article_images_{FORMAT}",
    derived,
    Column("key", TEXT, primary_key=True),
    Column("path", TEXT, primary_key=True),
    Index(f"article_images_{FORMAT}_by_path", "path"),
)

images = Table(
    f"images_{FORMAT}",
    derived,
    Column("path", TEXT, primary_key=True),
    Column("sha256", TEXT, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("width", Integer),
    Column("height", Integer),
    Column("format", TEXT, nullable=False),
    Column("has_gps", Boolean, nullable=False),
    Column("base", TEXT, nullable=False),  # where the public fetches it
    Column("fields", TEXT, nullable=False),
    Column("rendition", TEXT),  # null until it is made
    Column("avif", TEXT),  # null until it is made
    Column("visible", Boolean, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("mark", TEXT, nullable=False),
    Column("json", TEXT, nullable=False),
    Column("made_at", Float(53)),  # when variants of it were last made; null until they are
    *(Index(f"images_{FORMAT}_by_{name}", name) for name in ("sha256", "seq", "made_at")),
    *(
        Index(f"images_{FORMAT}_without_{name}", "seq", "path", **_only(f"{name} IS NULL AND width IS NOT NULL"))
        for name in ("rendition", "avif")
    ),
)

unsettled_images = Table(
    f"unsettled_images_{FORMAT}",
    derived,
    Column("path", TEXT, primary_key=True),  # of a photo that the public may have to see from now on, or no more
    Column("is_left", Boolean, nullable=False),  # an article at its home shows it, and is not visible any more
)


def create_all(tx: Connection) -> None:
    """Make those of the tables that are not there."""
    is_postgres = tx.dialect.name == "postgresql"
    _HEAD.persisted = is_postgres  # which indexes no column that it computes anew each time
    if is_postgres:
        for index in (index for table in derived.sorted_tables for index in table.indexes if _WHERE in index.info):
            index.dialect_options["postgresql"]["where"] = text(index.info[_WHERE])
    derived.create_all(tx)
