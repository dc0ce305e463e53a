"""The record of attempts to tell webhooks, begun before each attempt and completed after it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, tuple_, update

from cms.database.tables import AnyRow, deliveries

KEPT = 1000
"""So many attempts of each webhook."""

_NEWEST_FIRST = (deliveries.c.time.desc(), deliveries.c.id.desc())


def begin(tx: Connection, values: dict[str, Any]) -> None:
    """Add an attempt, and forget those beyond `KEPT`."""
    tx.execute(insert(deliveries).values(**values, duration_ms=0))
    oldest = page(tx, values["webhook_id"], None, 1, skip=KEPT - 1)
    if oldest:
        old = delete(deliveries).where(deliveries.c.webhook_id == values["webhook_id"])
        tx.execute(old.where(tuple_(deliveries.c.time, deliveries.c.id) < (oldest[0].time, oldest[0].id)))


def end(tx: Connection, delivery_id: str, **values: Any) -> None:
    """Say how it went."""
    tx.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**values))


def get(tx: Connection, webhook_id: str, delivery_id: str) -> AnyRow | None:
    found = select(deliveries).where(deliveries.c.id == delivery_id, deliveries.c.webhook_id == webhook_id)
    return tx.execute(found).one_or_none()


def page(
    tx: Connection, webhook_id: str, after: tuple[float, str] | None, limit: int, *, skip: int = 0
) -> list[AnyRow]:
    """The newest first; `after` is time and id of the last of the page before."""
    found = select(deliveries).where(deliveries.c.webhook_id == webhook_id)
    if after is not None:
        found = found.where(tuple_(deliveries.c.time, deliveries.c.id) < after)
    return list(tx.execute(found.order_by(*_NEWEST_FIRST).limit(limit).offset(skip)))
