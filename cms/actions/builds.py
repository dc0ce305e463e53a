"""Takes reports of builds: up to where in the log the public sees what was published, and since when."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from cms.context import Context
from cms.database import builds, changes, clock
from cms.database.engine import write
from cms.database.tables import AnyRow
from cms.model import cursor as cursors


def report(ctx: Context, given: Sequence[str]) -> tuple[float, bool]:
    """The site that was built at the earliest of the cursors is live: since when that is known, and whether nothing
    newer is published.

    Of a cursor only epoch and change count; `Gone` when it belongs to another database or to a part of the log that was
    lost, or lies ahead of the log.
    """
    built = [cursors.decode(cursor) for cursor in given]
    with write(ctx.database) as tx:
        epoch, seq = changes.position(tx)
        if any(cursor.epoch != epoch or cursor.seq > seq for cursor in built):
            raise cursors.gone()
        if any(cursor.nonce != changes.nonce_at(tx, cursor.seq) for cursor in built):
            raise cursors.gone()
        earliest = min(cursor.seq for cursor in built)
        row = builds.put(tx, earliest, clock.now(tx))
        return row.time, changes.visible_since(tx, earliest) is None


def live_since(tx: Connection, article: AnyRow) -> float | None:
    """Since when the public has seen the article as it is published; None when it does not yet, or nobody says."""
    return builds.live_since(tx, article.seq) if article.visible else None
