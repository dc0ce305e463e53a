"""Webhooks and how far each has been told. `deliveries.py` has the attempts.

Work is claimed by a conditional update, so that of many senders one delivers.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from cms.database.tables import AnyRow, deliveries, webhooks
from cms.model.moments import STEP_S

_UNTOLD = {
    "leased_until": 0, "retry_at": 0, "failures": 0, "old_secret_until": 0, "told_at": 0, "urgent_seq": 0,
    "overdue_told": 0,
}  # fmt: skip


def add(tx: Connection, values: dict[str, Any]) -> AnyRow:
    tx.execute(insert(webhooks).values(**_UNTOLD, **values))
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


def claim(tx: Connection, webhook_id: str, now: float, lease_s: float) -> AnyRow | None:
    """Take the webhook for this sender; None when another holds it, or it is not there."""
    until = webhooks.c.leased_until
    is_free = or_(until <= now, until > now + lease_s + STEP_S)
    free = update(webhooks).where(webhooks.c.id == webhook_id, is_free)
    if tx.execute(free.values(leased_until=now + lease_s)).rowcount != 1:
        return None
    return get(tx, webhook_id)


def urge(tx: Connection, seq: int) -> None:
    """What is new up to `seq` is to be told at once."""
    tx.execute(update(webhooks).values(urgent_seq=seq))


def try_anew(tx: Connection) -> None:
    """Have all that fail be tried at once: the clock was set, and nobody knows how long they have waited."""
    tx.execute(update(webhooks).where(webhooks.c.failures > 0).values(retry_at=0))
