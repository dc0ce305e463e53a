"""Files that an editor and a developer changed both, with what each made of them, until somebody has decided."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select

from cms.database.tables import AnyRow, conflicts


def put(tx: Connection, path: str, **values: Any) -> None:
    """There is a conflict, in place of one that there was."""
    remove(tx, path)
    tx.execute(insert(conflicts).values(path=path, **values))


def remove(tx: Connection, path: str) -> bool:
    """Whether there was one."""
    return bool(tx.execute(delete(conflicts).where(conflicts.c.path == path)).rowcount)


def get(tx: Connection, path: str) -> AnyRow | None:
    return tx.execute(select(conflicts).where(conflicts.c.path == path)).one_or_none()


def all_of(tx: Connection) -> list[AnyRow]:
    return list(tx.execute(select(conflicts).order_by(conflicts.c.path)))
