"""J4: whenever the clock is set, ahead or back, webhooks are told in time, and the operator is told of the clock."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient

from cms.actions import answers
from cms.actions.clock_monitor import ClockMonitor
from cms.actions.clock_steps import STEPPED
from cms.actions.publish import publish_due
from cms.context import Context
from cms.database import clock
from cms.database.clock import BELIEVED_S
from cms.errors import NotReady
from tests.api.editing import ARTICLES, create_text, patch
from tests.api.test_idempotency import create, keyed
from tests.api.test_schedules import annotate, dated
from tests.beyond.clocks import DAY_S, HOUR_S, STEPS, OwnClock, own_clock
from tests.conftest import with_sqlite
from tests.faults.test_skew import at
from tests.receiver import Receiver
from tests.telling import deliver_due, make_hook

__all__ = ["own_clock"]

pytestmark = with_sqlite

NAME = "news/en/a-day"
MAX_WAIT_S = 3.0
POINTS = ("before the save", "after the save", "at an attempt that fails", "at an attempt that succeeds")


@dataclass(frozen=True)
class World:
    """The sample site with one webhook, and the clock that it all goes by."""

    ctx: Context
    client: FlaskClient
    admin: dict[str, str]
    receiver: Receiver
    clock: OwnClock

    def save(self, title: str) -> None:
        etag = self.client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
        assert patch(self.client, self.admin, NAME, etag, {"data": {"title": title}}).status_code == 200

    def is_told(self, seconds: float) -> bool:
        """Let the worker do its rounds, second by second, until a message is answered by 2xx."""
        monitor, before = ClockMonitor(self.ctx), len(self.receiver.messages)
        for _ in range(int(seconds) + 1):
            monitor.run()
            deliver_due(self.ctx)
            if len(self.receiver.messages) > before:
                return True
            self.clock.passed_s += 1
        return False

    def notices(self) -> dict[str, str]:
        shown = self.client.get("/readyz", headers=self.admin).get_json()["notices"]
        return {one["name"]: one["detail"] for one in shown}


@pytest.fixture
def world(ctx: Context, client: FlaskClient, admin: dict[str, str], receiver: Receiver, own_clock: OwnClock) -> World:
    create_text(client, admin)
    make_hook(client, admin, receiver.url, quiet_s=1, max_wait_s=MAX_WAIT_S)
    return World(ctx, client, admin, receiver, own_clock)


@pytest.mark.parametrize("is_back", [True, False], ids=["and back", "for good"])
@pytest.mark.parametrize("point", POINTS)
def test_what_is_saved_is_told_in_time_whenever_the_clock_is_set(world: World, point: str, is_back: bool) -> None:
    for name, ahead_s in STEPS.items():
        _set_at(point, world, ahead_s)
        if is_back:
            world.clock.ahead_s = 0
        world.save(f"{name}, later")
        assert world.is_told(MAX_WAIT_S + 60), (name, world.notices())
        world.clock.ahead_s = 0
        world.clock.passed_s += 10
        deliver_due(world.ctx)


def _set_at(point: str, world: World, ahead_s: float) -> None:
    """Save, and attempt to tell it; at that point of it the clock is set."""

    def go_wrong() -> None:
        world.clock.ahead_s = ahead_s

    if point == POINTS[0]:
        go_wrong()
    world.save(f"{ahead_s}, first")
    if point == POINTS[1]:
        go_wrong()
    elif point in POINTS[2:]:
        world.receiver.meanwhile = go_wrong
        world.receiver.statuses = [503] if point == POINTS[2] else []
    world.clock.passed_s += MAX_WAIT_S + 1
    deliver_due(world.ctx)
    world.receiver.meanwhile = None


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_told_until_it_is_taken_back_or_believed(
    world: World, step: str, caplog: pytest.LogCaptureFixture
) -> None:
    monitor = ClockMonitor(world.ctx)
    monitor.run()
    assert STEPPED not in world.notices()
    for is_believed in (False, True):
        world.clock.ahead_s = STEPS[step]
        with caplog.at_level(logging.ERROR, "cms.clock"):
            monitor.run()
            monitor.run()
        assert ("back" if step.startswith("-") else "ahead") in world.notices()[STEPPED]
        told = [record.name for record in caplog.records if record.levelno == logging.ERROR]
        assert told.count("cms.clock") == 1
        caplog.clear()
        if is_believed:
            world.save(step)  # else the newest change may lie ahead
            world.clock.passed_s += BELIEVED_S + 1
        else:
            world.clock.ahead_s = 0
        monitor.run()
        assert STEPPED not in world.notices()


def test_a_change_that_lies_ahead_is_told_also_by_a_process_that_saw_no_step(world: World) -> None:
    world.clock.ahead_s = 40 * DAY_S
    world.save("from the future")
    world.clock.ahead_s = 0
    ClockMonitor(world.ctx).run()
    fresh = clock.Clock(world.ctx.database)
    assert fresh.step() is None
    assert "behind the last thing" in world.notices()[STEPPED]
    world.save("from now")
    ClockMonitor(world.ctx).run()
    assert world.notices() == {}


def test_nothing_is_published_by_a_step_that_is_not_believed_yet(world: World) -> None:
    annotate(world.ctx, publish="date")
    create_text(world.client, world.admin, "news/en/later", dated(at(time.time() + DAY_S)))
    world.clock.ahead_s = 40 * DAY_S
    assert publish_due(world.ctx) == 0
    create_text(world.client, world.admin, "news/en/later-still", dated(at(time.time() - DAY_S)))
    world.clock.passed_s += BELIEVED_S / 2
    assert publish_due(world.ctx) == 0
    for name in ("later", "later-still"):
        assert world.client.get(f"{ARTICLES}/news/en/{name}").status_code == 404
    world.clock.passed_s += BELIEVED_S / 2 + 1
    assert publish_due(world.ctx) == 2


def test_what_is_due_is_published_in_time_after_the_clock_was_set_back_and_forth(world: World) -> None:
    annotate(world.ctx, publish="date")
    create_text(world.client, world.admin, "news/en/later", dated(at(time.time() + 60)))
    for ahead_s in (-HOUR_S, 0, HOUR_S, 0):
        world.clock.ahead_s = ahead_s
        assert publish_due(world.ctx) == 0
    world.clock.passed_s += 61
    assert publish_due(world.ctx) == 1


def test_an_answer_that_lies_ahead_is_the_answer_all_the_same(world: World) -> None:
    answered = []
    for ahead_s in (0, HOUR_S, -HOUR_S, -40 * DAY_S):
        world.clock.ahead_s = ahead_s
        answered.append(create(world.client, keyed(world.admin)))
    assert [(one.status_code, one.data) for one in answered] == [(201, answered[0].data)] * 4


def test_a_request_that_died_while_the_clock_was_ahead_may_be_made_again(world: World) -> None:
    world.clock.ahead_s = 3650 * DAY_S
    assert answers.claim(world.ctx, "token", "key", "request").row is None
    with pytest.raises(NotReady):
        answers.claim(world.ctx, "token", "key", "request")
    world.clock.ahead_s = 0
    assert answers.claim(world.ctx, "token", "key", "request").row is None
