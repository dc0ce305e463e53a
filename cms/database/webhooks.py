"""Webhooks, how far each has been told, and the record of attempts.

Work is claimed by a conditional update, so that of many senders one delivers.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cms.database.tables import AnyRow, deliveries, webhooks

KEPT_DELIVERIES = 200


def add(tx: Connection, values: dict[str, Any]) -> AnyRow:
    tx.execute(insert(webhooks).values(**values, leased_until=0, retry_at=0, failures=0))
    return tx.execute(select(webhooks).where(webhooks.c.id == values["id"])).one()


def get(tx: Connection, webhook_id: str) -> AnyRow | None:
    return tx.execute(select(webhooks).where(webhooks.c.id == webhook_id)).one_or_none()


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(webhooks).order_by(webhooks.c.created_at, webhooks.c.id)))


def change(tx: Connection, webhook_id: str, **values: Any) -> None:
    tx.execute(update(webhooks).where(webhooks.c.id == webhook_id).values(**values))


def remove(tx: Connection, webhook_id: str) -> bool:
    tx.execute(delete(deliveries).where(deliveries.c.webhook_id == webhook_id))
    return tx.execute(delete(webhooks).where(webhooks.c.id == webhook_id)).rowcount > 0


def claim(tx: Connection, webhook_id: str, now: float, lease_s: float) -> bool:
    """Take the webhook for this sender; False when another holds it."""
    free = update(webhooks).where(webhooks.c.id == webhook_id, webhooks.c.leased_until < now)
    return tx.execute(free.values(leased_until=now + lease_s)).rowcount == 1


def record(tx: Connection, values: dict[str, Any]) -> None:
    """Add an attempt, and forget the oldest beyond `KEPT_DELIVERIES`."""
    tx.execute(insert(deliveries).values(**values))
    newest = select(deliveries.c.id).where(deliveries.c.webhook_id == values["webhook_id"])
    newest = newest.order_by(deliveries.c.time.desc(), deliveries.c.id).limit(KEPT_DELIVERIES)
    old = delete(deliveries).where(deliveries.c.webhook_id == values["webhook_id"])
    tx.execute(old.where(deliveries.c.id.not_in(newest.scalar_subquery())))


def attempts(tx: Connection, webhook_id: str) -> list[AnyRow]:
    """The attempts that are kept, newest first."""
    found = select(deliveries).where(deliveries.c.webhook_id == webhook_id)
    return list(tx.execute(found.order_by(deliveries.c.time.desc(), deliveries.c.id)))
