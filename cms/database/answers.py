"""The answers to requests with an Idempotency-Key: kept rows, for a day."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from cms.database import clock
from cms.database.tables import AnyRow, answers


def get(tx: Connection, token_id: str, key: str) -> AnyRow | None:
    return tx.execute(select(answers).where(answers.c.token_id == token_id, answers.c.key == key)).one_or_none()


def begin(tx: Connection, token_id: str, key: str, request: str) -> None:
    """The request is being answered."""
    remove(tx, token_id, key)
    tx.execute(insert(answers).values(token_id=token_id, key=key, request=request, time=clock.now(tx)))


def finish(tx: Connection, token_id: str, key: str, status: int, headers: str, body: str) -> None:
    own = (answers.c.token_id == token_id) & (answers.c.key == key)
    tx.execute(update(answers).where(own).values(status=status, headers=headers, body=body))


def remove(tx: Connection, token_id: str, key: str) -> None:
    tx.execute(delete(answers).where(answers.c.token_id == token_id, answers.c.key == key))


def forget(tx: Connection, before: float) -> None:
    tx.execute(delete(answers).where(answers.c.time < before))
