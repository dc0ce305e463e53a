"""Says so when what is published does not reach the public: no build of it is live, or a webhook cannot be told.

The operator reads it in `/readyz`; `deliver.py` tells the webhooks that asked for it, once for each occasion.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import Connection

from cms.actions.deliver import OVERDUE
from cms.actions.notices import tell
from cms.context import Context
from cms.database import builds, changes, clock, webhooks
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.moments import not_beyond
from cms.model.published import timestamp

EVERY_S = 5.0
OVERDUE_S = 900.0
FAILING = "webhooks_failing"


def watch(ctx: Context) -> None:
    """One look."""
    with read(ctx.database) as tx:
        now = clock.now(tx)
        wanted = {OVERDUE: _overdue(tx, now), FAILING: _failing(tx, now)}
    for name, detail in wanted.items():
        tell(ctx, name, detail)


def _overdue(tx: Connection, now: float) -> str | None:
    live = builds.live_seq(tx)
    new = None if live is None else changes.visible_since(tx, live)
    if new is None or not _is_over(new.first_time, now):
        return None
    return f"What was published at {timestamp(new.first_time)} and later is not live: no build has brought it."


def _failing(tx: Connection, now: float) -> str | None:
    lost = [row for row in webhooks.all_of(tx) if is_gone(row) or _is_over(row.failing_since or now, now)]
    told = (
        f"The webhook {row.id} ({row.target}, {urlsplit(row.url).hostname}) has failed since"
        f" {timestamp(row.failing_since)}, the last time with {row.last_status or 'no answer'}; it goes on being tried."
        for row in lost
    )
    return " ".join(told) or None


def _is_over(began: float, now: float) -> bool:
    return not_beyond(began + OVERDUE_S, now, OVERDUE_S) <= now


def is_gone(webhook: AnyRow) -> bool:
    """Whether the receiver says that it will not come back; it is asked now and then all the same."""
    return bool(webhook.failures) and webhook.last_status == 410
