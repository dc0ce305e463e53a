"""What the operator has to know or decide, until it is settled."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select

from cms.database import clock
from cms.database.tables import AnyRow, notices


def put(tx: Connection, name: str, detail: str) -> None:
    """Say it, or say it differently; the time it began stays."""
    began = since(tx, name)
    remove(tx, name)
    tx.execute(insert(notices).values(name=name, detail=detail, since=clock.now(tx) if began is None else began))


def remove(tx: Connection, name: str) -> None:
    tx.execute(delete(notices).where(notices.c.name == name))


def since(tx: Connection, name: str) -> float | None:
    """When it began; None when there is nothing of the kind."""
    return tx.execute(select(notices.c.since).where(notices.c.name == name)).scalar_one_or_none()


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(notices).order_by(notices.c.name)))
