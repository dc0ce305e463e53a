"""What has been begun and must be finished or undone: renames, photos on their way into the store (whose old key is
empty), and writes to a store in which they may be late (whose keys are the same).

Parts are the writes that have to happen together with another intent, the head.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable

from sqlalchemy import Connection, Update, and_, delete, exists, insert, or_, select, update

from cms.database import clock
from cms.database.batches import among
from cms.database.tables import AnyRow, intents, log

_IS_WRITE = intents.c.old_key == intents.c.new_key
_IS_OPEN = intents.c.given_up_at.is_(None)


def add(tx: Connection, actor: str, old: tuple[str, str], new: tuple[str, str], part_of: str | None = None) -> AnyRow:
    """`old` and `new` are pairs of key and version; `part_of` is the id of the head."""
    values = {"id": secrets.token_hex(8), "time": clock.now(tx), "actor": actor, "part_of": part_of}
    pairs = {"old_key": old[0], "old_version": old[1], "new_key": new[0], "new_version": new[1]}
    return tx.execute(insert(intents).values(**values, **pairs).returning(intents)).one()


def remove(tx: Connection, *intent_ids: str) -> int:
    """Those of them that are not given up; how many they were."""
    return tx.execute(delete(intents).where(intents.c.id.in_(intent_ids), _IS_OPEN)).rowcount


def forget(tx: Connection, intent_id: str) -> None:
    """Given up or not, with those of its parts that are not given up."""
    tx.execute(delete(intents).where(or_(intents.c.id == intent_id, and_(intents.c.part_of == intent_id, _IS_OPEN))))


def forget_writes(tx: Connection, before: float) -> None:
    """Those that were given up before that moment."""
    tx.execute(delete(intents).where(_IS_WRITE, intents.c.given_up_at < before))


def add_given_up(tx: Connection, actor: str, old_version: str, places: Iterable[tuple[str, str]]) -> None:
    """Writes that may not come any more, by their keys and the versions that they would leave there."""
    for key, version in places:
        give_up(tx, add(tx, actor, (key, old_version), (key, version)).id)


def give_up(tx: Connection, intent_id: str) -> bool:
    """From now on it can only be undone; False when it is done, or undone."""
    return tx.execute(_given_up(tx).where(intents.c.id == intent_id)).rowcount == 1


def close(tx: Connection, intent_id: str) -> bool:
    """It may not come again; False when it was given up."""
    return tx.execute(_given_up(tx).where(intents.c.id == intent_id, _IS_OPEN)).rowcount == 1


def give_up_at(tx: Connection, key: str) -> None:
    """All that is to happen there: whoever holds its lock is the only one who may write it."""
    tx.execute(_given_up(tx).where(or_(intents.c.new_key == key, intents.c.old_key == key), _IS_OPEN))


def get(tx: Connection, intent_id: str) -> AnyRow | None:
    return tx.execute(select(intents).where(intents.c.id == intent_id)).one_or_none()


def keys(tx: Connection) -> set[str]:
    """Where something is about to be."""
    return set(tx.execute(select(intents.c.new_key).where(or_(_IS_OPEN, ~_IS_WRITE))).scalars())


def below(tx: Connection, folder: str) -> list[AnyRow]:
    """Those of what is about to be below the folder, whose name ends in a slash, or may come there late."""
    return list(tx.execute(select(intents).where(intents.c.new_key.startswith(folder, autoescape=True))))


def begun(tx: Connection) -> list[AnyRow]:
    """What is to be finished or undone, should nobody be at work on it, without the parts of it."""
    part = intents.alias()
    has_parts = exists().where(part.c.part_of == intents.c.id)
    found = select(intents).where(intents.c.part_of.is_(None), or_(_IS_OPEN, ~_IS_WRITE, has_parts))
    return list(tx.execute(found.order_by(intents.c.time)))


def parts(tx: Connection, head: str) -> list[AnyRow]:
    """What has to happen together with the intent of that id, in the order of keys."""
    return list(tx.execute(select(intents).where(intents.c.part_of == head).order_by(intents.c.new_key)))


def take_apart(tx: Connection, head: str) -> None:
    """The intent of that id is done: what may still come of its parts is nothing that is to be finished or undone."""
    tx.execute(update(intents).where(intents.c.part_of == head).values(part_of=None))


def given_up_writes(tx: Connection, keys: Collection[str], since: float) -> dict[tuple[str, str], AnyRow]:
    """Those that were given up since that moment, by key and by the version that they would leave there."""
    own = select(intents).where(_IS_WRITE, intents.c.given_up_at >= since).order_by(intents.c.time)
    rows = (row for here in among(intents.c.new_key, keys) for row in tx.execute(own.where(here)))
    return {(row.new_key, row.new_version): row for row in rows}


def _given_up(tx: Connection) -> Update:
    seq = select(log.c.seq).scalar_subquery()
    return update(intents).values(given_up_at=clock.now(tx), seq=seq)
