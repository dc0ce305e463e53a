"""The answers to requests with an Idempotency-Key: kept rows, for a day."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, delete, insert, select, update

from cms.database import clock
from cms.database.tables import AnyRow, answers


def get(tx: Connection, token_id: str, key: str) -> AnyRow | None:
    """Return the row, which nobody else changes before the transaction ends."""
    return tx.execute(select(answers).where(*_own(token_id, key)).with_for_update()).one_or_none()


def begin(tx: Connection, token_id: str, key: str, request: str, note: str | None) -> None:
    """The request is being answered."""
    remove(tx, token_id, key)
    values = {"token_id": token_id, "key": key, "request": request, "body": note}
    tx.execute(insert(answers).values(time=clock.now(tx), **values))


def note(tx: Connection, token_id: str, key: str, note: str) -> None:
    """Until there is an answer, its body is what whoever tries anew has to know."""
    tx.execute(update(answers).where(*_own(token_id, key)).values(body=note))


def date(tx: Connection, token_id: str, key: str, time: float) -> None:
    """It was asked for then."""
    tx.execute(update(answers).where(*_own(token_id, key)).values(time=time))


def finish(tx: Connection, token_id: str, key: str, status: int, headers: str, body: str) -> None:
    tx.execute(update(answers).where(*_own(token_id, key)).values(status=status, headers=headers, body=body))


def remove(tx: Connection, token_id: str, key: str) -> None:
    tx.execute(delete(answers).where(*_own(token_id, key)))


def forget(tx: Connection, before: float) -> None:
    tx.execute(delete(answers).where(answers.c.time < before))


def _own(token_id: str, key: str) -> tuple[ColumnElement[bool], ...]:
    return answers.c.token_id == token_id, answers.c.key == key
