"""What has been begun and must be finished or undone: renames, and photos on their way into the store (whose old key
is empty)."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select, update

from cms.database.tables import AnyRow, intents

GIVEN_UP = "given up"
"""Takes the place of the old version in an upload that is being undone."""


def add(tx: Connection, actor: str, old: tuple[str, str], new: tuple[str, str]) -> AnyRow:
    """`old` and `new` are pairs of key and version."""
    values = {"id": secrets.token_hex(8), "time": time.time(), "actor": actor}
    pairs = {"old_key": old[0], "old_version": old[1], "new_key": new[0], "new_version": new[1]}
    return tx.execute(insert(intents).values(**values, **pairs).returning(intents)).one()


def remove(tx: Connection, intent_ids: Collection[str]) -> int:
    """How many of them were there, and not given up."""
    gone = delete(intents).where(intents.c.id.in_(intent_ids)).returning(intents.c.old_version)
    return sum(old_version != GIVEN_UP for old_version in tx.execute(gone).scalars())


def give_up(tx: Connection, intent_id: str) -> bool:
    """From now on it can only be undone; False when it is done, or undone."""
    found = update(intents).where(intents.c.id == intent_id).values(old_version=GIVEN_UP)
    return tx.execute(found).rowcount == 1


def get(tx: Connection, intent_id: str) -> AnyRow | None:
    return tx.execute(select(intents).where(intents.c.id == intent_id)).one_or_none()


def keys(tx: Connection) -> set[str]:
    """Where something is about to be."""
    return set(tx.execute(select(intents.c.new_key)).scalars())


def below(tx: Connection, folder: str) -> list[AnyRow]:
    """Those of what is about to be below the folder, whose name ends in a slash."""
    return list(tx.execute(select(intents).where(intents.c.new_key.startswith(folder, autoescape=True))))


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(intents).order_by(intents.c.time)))
