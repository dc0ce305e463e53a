"""What the feed holds after a place in the log, in the order of keys, read in steps: a feed may be all of a site."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, func, select

from cms.database import images, shelves
from cms.database.derived import articles
from cms.database.derived import images as photos
from cms.database.tables import AnyRow, changes

ARTICLES, PHOTOS = 200, 500
"""How many are read at once."""


def articles_since(
    tx: Connection, seq: int, collection: str | None, *, drafts: bool, lean: bool = False, with_text: bool = False
) -> Iterator[AnyRow]:
    """What the feed holds after `seq`, in the order of keys, read in small steps.

    `json` is all of an article or, if `lean`, what lists show; `text` is the file's bytes.
    """
    content = (articles.c.lean if lean else articles.c.json).label("json")
    others = [column for column in articles.c if column.name not in {"json", "lean"}]
    found = select(*others, content).order_by(articles.c.key)
    if with_text:
        found = found.add_columns(changes.c.text).join_from(articles, changes, _is_latest())
    # Each step names its keys: a step by order and limit has SQLite sort the whole collection again.
    keys = _keys_since(tx, seq, collection, drafts=drafts)
    for start in range(0, len(keys), ARTICLES):
        yield from tx.execute(found.where(articles.c.key.in_(keys[start : start + ARTICLES])))


def _keys_since(tx: Connection, seq: int, collection: str | None, *, drafts: bool) -> list[str]:
    on = [
        shelf for shelf in shelves.all_of(tx, collection) if (shelf.status != "broken" if drafts else shelf.is_visible)
    ]
    names = {shelf.name for shelf in on}
    if seq < 0:
        return sorted(tx.execute(select(articles.c.key).where(articles.c.shelf.in_(names))).scalars())
    # Asked for the shelves as well, SQLite would go along them, and so over all of the site, to find what is new.
    found = tx.execute(select(articles.c.key, articles.c.shelf).where(articles.c.seq > seq)).all()
    return sorted(key for key, shelf in found if shelf in names)


def _is_latest() -> ColumnElement[bool]:
    """Whether a change is the last that the log has of an article."""
    older = changes.alias()
    last = select(func.max(older.c.seq)).where(
        older.c.subject == "article", older.c.collection == articles.c.collection, older.c.name == articles.c.id
    )
    return changes.c.seq == last.correlate(articles).scalar_subquery()


def photos_since(tx: Connection, seq: int, *, drafts: bool) -> Iterator[AnyRow]:
    """What the feed holds after `seq`, in the order of paths, read in small steps."""
    new = select(photos.c.path).where(photos.c.seq > seq, images.may_see(None if drafts else ()))
    paths = sorted(tx.execute(new).scalars())
    for start in range(0, len(paths), PHOTOS):
        found = select(photos).where(photos.c.path.in_(paths[start : start + PHOTOS]))
        yield from tx.execute(found.order_by(photos.c.path))
