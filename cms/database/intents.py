"""What has been begun and must be finished or undone: renames, and photos on their way into the store (whose old key
is empty)."""

from __future__ import annotations

import secrets
import time

from sqlalchemy import Connection, delete, insert, select

from cms.database.tables import AnyRow, intents


def add(tx: Connection, actor: str, old: tuple[str, str], new: tuple[str, str]) -> AnyRow:
    """`old` and `new` are pairs of key and version."""
    values = {"id": secrets.token_hex(8), "time": time.time(), "actor": actor}
    pairs = {"old_key": old[0], "old_version": old[1], "new_key": new[0], "new_version": new[1]}
    return tx.execute(insert(intents).values(**values, **pairs).returning(intents)).one()


def remove(tx: Connection, intent_id: str) -> None:
    tx.execute(delete(intents).where(intents.c.id == intent_id))


def get(tx: Connection, intent_id: str) -> AnyRow | None:
    return tx.execute(select(intents).where(intents.c.id == intent_id)).one_or_none()


def keys(tx: Connection) -> set[str]:
    """Where something is about to be."""
    return set(tx.execute(select(intents.c.new_key)).scalars())


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(intents).order_by(intents.c.time)))
