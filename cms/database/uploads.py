"""The photos that clients were asked to put straight into the bucket: kept rows, until they expire."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from cms.database.tables import AnyRow, uploads


def add(tx: Connection, values: dict[str, Any]) -> None:
    tx.execute(insert(uploads).values(**values))


def get(tx: Connection, upload_id: str) -> AnyRow | None:
    return tx.execute(select(uploads).where(uploads.c.id == upload_id)).one_or_none()


def set_path(tx: Connection, upload_id: str, path: str) -> None:
    """The photo is taken in, and has this path."""
    tx.execute(update(uploads).where(uploads.c.id == upload_id).values(path=path))


def expired(tx: Connection, now: float, kept_s: float) -> list[str]:
    """Return the ids of those that nobody may complete any more, and of those that could be completed for far longer
    than `kept_s`, for they were begun while the clock was wrong."""
    is_over = or_(uploads.c.expires_at < now, uploads.c.expires_at > now + 2 * kept_s)
    return list(tx.execute(select(uploads.c.id).where(is_over)).scalars())


def remove(tx: Connection, upload_id: str) -> None:
    tx.execute(delete(uploads).where(uploads.c.id == upload_id))


def ids(tx: Connection) -> set[str]:
    return set(tx.execute(select(uploads.c.id)).scalars())
