"""The photos that were deleted or replaced and can be restored: kept rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, delete, insert, select

from cms.database import clock, photo_visibility
from cms.database.tables import AnyRow, trash

Reason = Literal["deleted", "replaced"]


def add(tx: Connection, trash_id: str, actor: str, reason: Reason, image: AnyRow) -> None:
    """`image` is the photo's row before it goes."""
    values = {"id": trash_id, "time": clock.now(tx), "actor": actor, "reason": reason, "path": image.path}
    tx.execute(insert(trash).values(**values, sha256=image.sha256, fields=image.fields, json=image.json))


def get(tx: Connection, trash_id: str) -> AnyRow | None:
    return tx.execute(select(trash).where(trash.c.id == trash_id)).one_or_none()


def remove(tx: Connection, trash_id: str) -> None:
    tx.execute(delete(trash).where(trash.c.id == trash_id))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Photos that went after `since`, with that `path` (None: any), and `with_secrets` those that were never public."""

    since: float = 0
    path: str | None = None
    with_secrets: bool = True


def page(tx: Connection, wanted: Wanted, after: Sequence[Any] | None, limit: int | None) -> list[AnyRow]:
    """The newest first; `after` is the time and the id of the last one on the page before."""
    found = select(trash).where(trash.c.time >= wanted.since)
    if wanted.path is not None:
        found = found.where(trash.c.path == wanted.path)
    if not wanted.with_secrets:
        found = found.where(~photo_visibility.is_secret(trash.c.path, trash.c.sha256))
    if after is not None:
        moment, trash_id = after
        found = found.where((trash.c.time < moment) | ((trash.c.time == moment) & (trash.c.id > trash_id)))
    return list(tx.execute(found.order_by(trash.c.time.desc(), trash.c.id).limit(limit)))


def before(tx: Connection, moment: float) -> list[str]:
    """The ids of those that went before."""
    return list(tx.execute(select(trash.c.id).where(trash.c.time < moment)).scalars())


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(trash)))


def with_digest(tx: Connection, sha256: str) -> list[str]:
    """Return the ids of the photos of these bytes."""
    return list(tx.execute(select(trash.c.id).where(trash.c.sha256 == sha256)).scalars())


def ids(tx: Connection) -> set[str]:
    return set(tx.execute(select(trash.c.id)).scalars())
