"""What the feed holds after a place in the log, in the order of keys, read in steps: a feed may be all of a site."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Connection, func, select

from cms.database import changes as changes_log
from cms.database import shelves
from cms.database.derived import articles
from cms.database.derived import images as photos
from cms.database.photo_visibility import ALL, PUBLIC, may_see
from cms.database.tables import AnyRow, changes

ARTICLES, PHOTOS = 200, 500
"""How many are read at once."""


def position(tx: Connection, *, drafts: bool) -> tuple[str, int]:
    """Return the database's epoch, and the seq of the last change that the feed tells of.

    With `drafts` that is the last change of all; else the last that the public could notice, so that it stays where it
    is while somebody changes what is hidden.
    """
    epoch, last = changes_log.position(tx)
    if drafts:
        return epoch, last
    floor = max(tx.execute(_LAST_ARTICLE).scalar() or 0, tx.execute(_LAST_PHOTO).scalar() or 0)
    newer = select(changes.c.seq).where(changes.c.seq > floor, changes.c.visible_before | changes.c.visible_after)
    return epoch, tx.execute(newer.order_by(changes.c.seq.desc()).limit(1)).scalar() or floor


_LAST_ARTICLE, _LAST_PHOTO = (
    select(table.c.seq).where(table.c.visible).order_by(table.c.seq.desc()).limit(1) for table in (articles, photos)
)


def articles_since(
    tx: Connection, seq: int, collection: str | None, *, drafts: bool, lean: bool = False, with_text: bool = False
) -> Iterator[AnyRow]:
    """What the feed holds after `seq`, in the order of keys, read in small steps.

    If `lean`, the rows have no `heavy`; `text` is the file's bytes.
    """
    columns = [column for column in articles.c if not lean or column.name != "heavy"]
    found = select(*columns).order_by(articles.c.key)
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
    new = select(photos.c.path).where(photos.c.seq > seq, may_see(ALL if drafts else PUBLIC))
    paths = sorted(tx.execute(new).scalars())
    for start in range(0, len(paths), PHOTOS):
        found = select(photos).where(photos.c.path.in_(paths[start : start + PHOTOS]))
        yield from tx.execute(found.order_by(photos.c.path))
