"""What tests do with webhooks: make one, tell those that are due, and let time pass for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Table, update

from cms.actions import deliver
from cms.context import Context
from cms.database.engine import write
from cms.database.tables import builds, changes, webhooks
from cms.model.cursor import decode

HOOKS = "/api/v1/webhooks"


def make_hook(client: FlaskClient, headers: dict[str, str], url: str, **others: Any) -> dict[str, Any]:
    response = client.post(HOOKS, json={"url": url, "quiet_s": 0, "max_wait_s": 0, **others}, headers=headers)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.get_json()
    return found


def check_nothing_is_left_out(messages: Iterable[Mapping[str, str]], start: int, end: int) -> None:
    """The messages cover the log from one place to the other, without a gap."""
    reached = start
    for first, last in sorted((decode(one["previous_cursor"]).seq, decode(one["cursor"]).seq) for one in messages):
        assert first <= reached, f"changes {reached} to {first} were never told"
        reached = max(reached, last)
    assert reached == end


def deliver_due(ctx: Context) -> int:
    """Tell every webhook whose time has come, as the worker does; returns how many were tried."""
    return sum(deliver.deliver(ctx, webhook_id) for webhook_id in deliver.due(ctx))


def pass_time(ctx: Context, seconds: float) -> None:
    """Make all that the tables say happened so much longer ago."""
    columns: dict[Table, tuple[str, ...]] = {
        changes: ("logged_at",),
        webhooks: ("retry_at", "leased_until", "told_at", "old_secret_until", "failing_since"),
        builds: ("time",),
    }
    with write(ctx.database) as tx:
        for table, names in columns.items():
            for name in names:
                column = table.c[name]
                tx.execute(update(table).where(column > 0).values({name: column - seconds}))


def retry_now(ctx: Context) -> None:
    with write(ctx.database) as tx:
        tx.execute(update(webhooks).values(retry_at=0))
