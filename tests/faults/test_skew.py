"""A node whose clock is a minute off does what the others do: all go by the database's."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from cms.actions import deliver
from cms.actions.publish import publish_due
from cms.context import Context
from cms.database import clock, webhooks
from cms.database.engine import read, write
from tests.api.editing import ARTICLES, create_text
from tests.api.test_schedules import annotate, dated
from tests.conftest import with_postgres
from tests.receiver import Receiver
from tests.telling import make_hook, pass_time

pytestmark = with_postgres

NAME = "news/en/a-day"
Skew = Callable[[float], None]


@pytest.fixture
def skew(monkeypatch: pytest.MonkeyPatch) -> Skew:
    """Sets this node's clock so many seconds ahead."""
    real = time.time

    def set_ahead(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: real() + seconds)

    return set_ahead


def at(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@pytest.mark.parametrize("ahead_s", [60, -60])
def test_articles_are_published_when_the_database_says(
    ctx: Context, client: FlaskClient, admin: dict[str, str], skew: Skew, ahead_s: float
) -> None:
    now = time.time()
    skew(ahead_s)
    annotate(ctx, publish="date")
    create_text(client, admin, text=dated(at(now + 40)))
    assert client.get(f"{ARTICLES}/{NAME}").status_code == 404
    assert publish_due(ctx) == 0
    assert publish_due(dataclasses.replace(ctx, clock=lambda: now + 41)) == 1
    assert client.get(f"{ARTICLES}/{NAME}").status_code == 200


@pytest.mark.parametrize("ahead_s", [60, -60])
def test_webhooks_wait_for_quiet_by_the_databases_clock(
    ctx: Context, client: FlaskClient, admin: dict[str, str], skew: Skew, ahead_s: float, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url, quiet_s=30, max_wait_s=30)
    skew(ahead_s)
    create_text(client, admin)
    skew(-ahead_s)
    assert deliver.due(ctx) == []
    pass_time(ctx, 30)
    assert len(deliver.due(ctx)) == 1


def test_a_lease_is_kept_to_by_a_node_whose_clock_is_ahead(
    ctx: Context, client: FlaskClient, admin: dict[str, str], skew: Skew, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url, quiet_s=0, max_wait_s=0)
    create_text(client, admin)
    with write(ctx.database) as tx:
        assert webhooks.claim(tx, hook["id"], clock.now(tx), deliver.LEASE_S) is not None
    skew(deliver.LEASE_S + 1)
    assert deliver.due(ctx) == []
    assert not deliver.deliver(ctx, hook["id"])
    assert receiver.messages == []


def test_the_log_is_told_the_databases_time(
    ctx: Context, client: FlaskClient, admin: dict[str, str], skew: Skew
) -> None:
    skew(3600)
    create_text(client, admin)
    skew(0)
    item = client.get(f"/api/v1/history/{NAME}", headers=admin).get_json()["items"][0]
    assert abs(datetime.fromisoformat(item["time"]).timestamp() - time.time()) < 600
    with read(ctx.database) as tx:
        assert abs(clock.now(tx) - time.time()) < 5
