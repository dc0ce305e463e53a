"""How far the site's git repository is in step with the log: one row, while the site is committed to git."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cms.database import changes, clock
from cms.database.tables import AnyRow, conflicts, git


def state(tx: Connection) -> AnyRow | None:
    return tx.execute(select(git)).one_or_none()


def begin(tx: Connection) -> None:
    """What the log holds so far is nothing to commit."""
    if state(tx) is None:
        tx.execute(insert(git).values(id=1, seq=changes.position(tx)[1]))


def end(tx: Connection) -> None:
    """Nothing is committed any more."""
    tx.execute(delete(git))
    tx.execute(delete(conflicts))


def put(tx: Connection, **values: Any) -> None:
    tx.execute(update(git).values(**values))


def ask_for_pull(tx: Connection) -> None:
    put(tx, pull_asked=clock.now(tx))


def pulled(tx: Connection, asked: float | None) -> None:
    """Note that what was asked for at that moment is done; what was asked for since is not."""
    tx.execute(update(git).where(git.c.pull_asked == asked).values(pull_asked=None))
