"""Senders that are killed at any point, and a receiver that cannot be relied on: no publish is left untold.

`CMS_TEST_KILLS=200` kills so many; without it a few are.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from cms.actions import deliver
from cms.app import create_context
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import log, webhooks
from cms.model.cursor import decode
from tests.api.editing import create_text, patch
from tests.api.test_webhooks import NAME
from tests.conftest import both_databases, eventually, make_settings, site_of
from tests.telling import check_nothing_is_left_out, deliver_due, make_hook, pass_time
from tests.unreliable import Unreliable, unreliable

KILLS = int(os.environ.get("CMS_TEST_KILLS", "12"))
LONG_S = 100_000
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["cms.actions.deliver", "cms.app"])


def send(site: str, database: str) -> None:
    """A sender, until it is killed."""
    ctx = create_context(make_settings(Path(site), database, webhooks_allow_private=True))
    while True:
        for webhook_id in deliver.due(ctx):
            deliver.deliver(ctx, webhook_id)
        time.sleep(0.002)


def told_seq(ctx: Context) -> tuple[int, int]:
    """Up to where the webhook was told, and the end of the log."""
    with read(ctx.database) as tx:
        return tx.execute(select(webhooks.c.seq)).scalar_one(), tx.execute(select(log.c.seq)).scalar_one()


def acknowledged_seq(receiver: Unreliable) -> int:
    return max((decode(message["cursor"]).seq for message in receiver.acknowledged), default=0)


def kill_one(ctx: Context, receiver: Unreliable, chance: random.Random) -> None:
    """Start a sender, and end it at once: by the clock, at a message, or after its answer."""
    process = FORKS.Process(target=send, args=(str(site_of(ctx)), ctx.settings.database), daemon=True)
    receiver.at_a_message = receiver.after_it = None
    when = chance.choice(("by the clock", "at a message", "after an answer"))
    if when == "at a message":
        receiver.at_a_message = process.kill
    elif when == "after an answer":
        receiver.after_it = process.kill
    process.start()
    process.join(chance.uniform(0.02, 0.15))
    process.kill()
    process.join()
    assert process.exitcode == -9
    receiver.at_a_message = receiver.after_it = None


@both_databases
def test_no_publish_is_left_untold_though_senders_are_killed(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    chance = random.Random(43)
    with unreliable(seed=42) as receiver:
        receiver.secret = make_hook(client, admin, receiver.url)["secret"]
        start, _ = told_seq(ctx)
        etag = create_text(client, admin)
        for number in range(KILLS):
            etag = patch(client, admin, NAME, etag, {"data": {"title": f"Title {number}"}}).headers["ETag"]
            kill_one(ctx, receiver, chance)
            told, _ = told_seq(ctx)
            assert told <= max(start, acknowledged_seq(receiver)), "it moves on with an answer and never before"
            pass_time(ctx, LONG_S)  # what the dead sender held is free again, and what failed is due
        receiver.is_reliable = True
        pass_time(ctx, LONG_S)
        assert deliver_due(ctx) <= 1
        told, end = told_seq(ctx)
        assert told == end
        check_nothing_is_left_out(receiver.acknowledged, start, end)


@pytest.mark.parametrize("seed", range(3))
def test_all_is_told_to_a_receiver_that_cannot_be_relied_on(
    client: FlaskClient, admin: dict[str, str], ctx: Context, seed: int
) -> None:
    with unreliable(seed) as receiver:
        receiver.secret = make_hook(client, admin, receiver.url)["secret"]
        start, _ = told_seq(ctx)
        etag = create_text(client, admin)
        for number in range(15):
            etag = patch(client, admin, NAME, etag, {"data": {"title": f"Title {number}"}}).headers["ETag"]
            deliver_due(ctx)
            pass_time(ctx, receiver.random.choice((0, LONG_S)))

        def is_told() -> bool:
            pass_time(ctx, LONG_S)
            deliver_due(ctx)
            told, end = told_seq(ctx)
            return told == end

        assert eventually(is_told)
        _, end = told_seq(ctx)
        check_nothing_is_left_out(receiver.acknowledged, start, end)
        repeated = [message["id"] for message in receiver.worked]
        assert len({(m["id"], m["cursor"]) for m in receiver.worked}) == len(set(repeated)), "one id is one message"
