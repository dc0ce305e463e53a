"""Links to what is not published: only the digest of the secret in each is kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from cms.database.tables import AnyRow, previews
from cms.model.ids import Name


def add(tx: Connection, values: dict[str, Any]) -> AnyRow:
    tx.execute(insert(previews).values(**values))
    return tx.execute(select(previews).where(previews.c.id == values["id"])).one()


def get(tx: Connection, preview_id: str) -> AnyRow | None:
    return tx.execute(select(previews).where(previews.c.id == preview_id)).one_or_none()


def by_digest(tx: Connection, digest: str) -> AnyRow | None:
    return tx.execute(select(previews).where(previews.c.digest == digest)).one_or_none()


def page(
    tx: Connection, collections: Collection[str] | None, now: float, after: Sequence[Any] | None, limit: int
) -> list[AnyRow]:
    """Those that work at `now`, the newest first, of these collections (None: of all); `after` is the time and the id
    of the last one on the page before."""
    found = select(previews).where(previews.c.expires_at > now)
    if collections is not None:
        found = found.where(previews.c.collection.in_(collections))
    if after is not None:
        moment, preview_id = after
        is_later = (previews.c.created_at == moment) & (previews.c.id > preview_id)
        found = found.where((previews.c.created_at < moment) | is_later)
    return list(tx.execute(found.order_by(previews.c.created_at.desc(), previews.c.id).limit(limit)))


def remove(tx: Connection, preview_id: str) -> None:
    tx.execute(delete(previews).where(previews.c.id == preview_id))


def remove_of(tx: Connection, name: Name) -> None:
    """All links to the article."""
    tx.execute(delete(previews).where(previews.c.collection == name.collection, previews.c.name == name.id))


def remove_expired(tx: Connection, now: float) -> None:
    tx.execute(delete(previews).where(previews.c.expires_at <= now))
