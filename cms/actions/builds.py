"""Takes reports of builds: up to where in the log the public sees what was published, and since when."""

from __future__ import annotations

import time

from sqlalchemy import Connection

from cms.context import Context
from cms.database import builds, changes
from cms.database.engine import write
from cms.database.tables import AnyRow
from cms.model import cursor as cursors


def report(ctx: Context, cursor: str) -> tuple[float, bool]:
    """The site that was built at the cursor is live: since when that is known, and whether nothing newer is published.

    Of the cursor only epoch and change count; `Gone` when it belongs to another database, or lies ahead of the log.
    """
    given = cursors.decode(cursor)
    with write(ctx.database) as tx:
        epoch, seq = changes.position(tx)
        if given.epoch != epoch or given.seq > seq:
            raise cursors.gone()
        row = builds.put(tx, given.seq, time.time())
        return row.time, changes.visible_since(tx, given.seq) is None


def live_since(tx: Connection, article: AnyRow) -> float | None:
    """Since when the public has seen the article as it is published; None when it does not yet, or nobody says."""
    return builds.live_since(tx, article.seq) if article.visible else None
