"""Working copies of articles, one an article: kept rows. What a copy says is in no other table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, select, update

from cms.database import previews
from cms.database.tables import AnyRow, draft_images, drafts
from cms.database.tables import previews as links
from cms.model.ids import Name


def get(tx: Connection, name: Name) -> AnyRow | None:
    return tx.execute(select(drafts).where(_of(drafts, name))).one_or_none()


def page(tx: Connection, collections: Collection[str] | None, after: Sequence[Any] | None, limit: int) -> list[AnyRow]:
    """In the order of collection and id, of these collections (None: of all); `after` is the last one's of the page
    before."""
    found = select(drafts).order_by(drafts.c.collection, drafts.c.name)
    if collections is not None:
        found = found.where(drafts.c.collection.in_(collections))
    if after is not None:
        collection, name = after
        is_later = (drafts.c.collection == collection) & (drafts.c.name > name)
        found = found.where((drafts.c.collection > collection) | is_later)
    return list(tx.execute(found.limit(limit)))


def put(tx: Connection, name: Name, expect: str | None, values: dict[str, Any]) -> bool:
    """Make it say this, in place of the version `expect` (None: of nothing); whether that is what was there."""
    if expect is not None:
        is_expected = _of(drafts, name) & (drafts.c.version == expect)
        return tx.execute(update(drafts).where(is_expected).values(**values)).rowcount > 0
    if get(tx, name) is not None:
        return False
    tx.execute(insert(drafts).values(collection=name.collection, name=name.id, **values))
    return True


def set_images(tx: Connection, name: Name, paths: Collection[str]) -> None:
    """The photos that it shows."""
    tx.execute(delete(draft_images).where(_of(draft_images, name)))
    if paths:
        own = {"collection": name.collection, "name": name.id}
        tx.execute(insert(draft_images), [{**own, "path": path} for path in sorted(paths)])


def showing(tx: Connection, path: str) -> list[Name]:
    """The articles whose working copies show the photo."""
    found = select(draft_images.c.collection, draft_images.c.name).where(draft_images.c.path == path)
    rows = tx.execute(found.order_by(draft_images.c.collection, draft_images.c.name))
    return [Name(row.collection, row.name) for row in rows]


def remove(tx: Connection, name: Name, version: str) -> bool:
    """Remove it and the links to it, if it is this version; says whether it was."""
    is_it = _of(drafts, name) & (drafts.c.version == version)
    if tx.execute(delete(drafts).where(is_it)).rowcount == 0:
        return False
    set_images(tx, name, ())
    previews.remove_of(tx, name)
    return True


def move(tx: Connection, name: Name, new_id: str) -> None:
    """The article has another id: copy and links follow. Where a deleted article has left a copy under that id, both
    copies stay where they are."""
    new = Name(name.collection, new_id)
    if get(tx, new) is None:
        for table in (drafts, draft_images, links):
            tx.execute(update(table).where(_of(table, name)).values(name=new_id))


def _of(table: Table, name: Name) -> ColumnElement[bool]:
    return (table.c.collection == name.collection) & (table.c.name == name.id)
