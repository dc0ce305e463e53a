"""S8, S1: what workers tell by their heartbeats becomes alerts, on one machine and with PostgreSQL; heartbeats disturb
nobody."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions.heartbeat import FAILURES, SILENT_S
from cms.actions.steps import Steps
from cms.api import service
from cms.context import Context
from cms.errors import BUSY, Unavailable
from tests.conftest import both_databases, site_of


def beat(ctx: Context, steps: Steps, process: str = "a") -> None:
    ctx.heartbeats.put(process, json.dumps(steps.states()))


def notices(client: FlaskClient, headers: dict[str, str]) -> dict[str, str]:
    answer = client.get("/readyz", headers=headers)
    assert answer.status_code == 200, answer.text
    return {notice["name"]: notice["detail"] for notice in answer.get_json()["notices"]}


BROKEN = {
    "empty": "", "word": "x", "half": "[", "number": "[1]", "object": "{}", "deep": "[" * 100_000,
    "not UTF-8": "\udcff", "version": '[{"name": "of another version"}]',
}  # fmt: skip


def failing(error: Exception) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@both_databases
def test_a_step_that_fails_is_an_alert_from_the_third_time_until_it_succeeds(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    steps = Steps()
    publish, git = steps.add("publish"), steps.add("git")
    for error, name in ((ZeroDivisionError(), "ZeroDivisionError"), (Unavailable("Away.", code=BUSY), "Unavailable")):
        for number in range(1, FAILURES + 1):
            beat(ctx, steps)
            assert notices(client, admin) == {}, number
            publish.run(failing(error))
            git.run(lambda: None)
        beat(ctx, steps)
        ((alert, detail),) = notices(client, admin).items()
        assert alert == "worker_failing_publish"
        assert name in detail
        publish.run(lambda: None)
        beat(ctx, steps)
        assert notices(client, admin) == {}


@both_databases
def test_a_step_that_hangs_is_an_alert_while_the_others_go_on(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    steps, end = Steps(), threading.Event()
    hanging, other = steps.add("heal", 0.05), steps.add("publish")
    thread = threading.Thread(target=hanging.run, args=(end.wait,))
    thread.start()
    time.sleep(0.1)
    other.run(lambda: None)
    beat(ctx, steps)
    assert notices(client, admin).keys() == {"worker_stalled_heal"}
    assert steps.is_moving(), "for one step alone nobody ends the process"
    end.set()
    thread.join()
    hanging.show_alive(60)
    beat(ctx, steps)
    assert notices(client, admin) == {}


@both_databases
def test_a_worker_that_is_silent_or_missing_is_an_alert(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    extensions: dict[str, Any] = client.application.extensions
    extensions[service.STARTED] = time.monotonic()
    assert notices(client, admin) == {}, "a server that has just been started has no worker yet"
    extensions[service.STARTED] = time.monotonic() - 2 * SILENT_S
    assert notices(client, admin).keys() == {"worker_silent"}
    steps = Steps()
    steps.add("publish")
    beat(ctx, steps)
    assert notices(client, admin) == {}
    beat(ctx, steps, "b")
    assert len(ctx.heartbeats.all_of()) == 2
    ctx.heartbeats.forget(60)
    assert len(ctx.heartbeats.all_of()) == 2
    time.sleep(0.01)
    ctx.heartbeats.forget(0)
    assert ctx.heartbeats.all_of() == []


def test_a_step_that_ails_in_a_process_that_has_ended_is_no_alert(
    client: FlaskClient, ctx: Context, admin: dict[str, str]
) -> None:
    ill, well = Steps(), Steps()
    step = ill.add("publish")
    well.add("publish")
    for _ in range(FAILURES):
        step.run(failing(ValueError()))
    beat(ctx, ill, "ended")
    beat(ctx, well, "well")
    assert notices(client, admin).keys() == {"worker_failing_publish"}
    before = time.time() - SILENT_S - 1
    os.utime(workers(ctx) / "ended", (before, before))
    assert notices(client, admin) == {}


def workers(ctx: Context) -> Path:
    folder = ctx.settings.own_folder
    assert folder is not None
    assert folder.is_relative_to(site_of(ctx))
    return folder / "workers"


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_heartbeat_that_cannot_be_read_harms_nothing(
    client: FlaskClient, ctx: Context, admin: dict[str, str], text: str
) -> None:
    steps = Steps()
    steps.add("publish").run(lambda: None)
    beat(ctx, steps)
    (workers(ctx) / "broken").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert notices(client, admin) == {}
    assert client.get("/metrics", headers=admin).status_code == 200


def test_on_one_machine_heartbeats_are_for_the_owner_alone(ctx: Context) -> None:
    before = os.umask(0)
    try:
        beat(ctx, Steps())
    finally:
        os.umask(before)
    folder = workers(ctx)
    assert [path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())] == [0, 0]


@both_databases
def test_a_heartbeat_makes_nobody_forget_what_is_kept(client: FlaskClient, ctx: Context) -> None:
    client.get("/api/v1/articles")
    time.sleep(0.5)  # until what was written has been told
    before = ctx.generation.current()
    for _ in range(3):
        beat(ctx, Steps())
    time.sleep(0.5)
    assert ctx.generation.current() == before
    assert "Server-Timing" not in client.get("/api/v1/articles").headers, "it is answered from memory"
