"""J4: a server whose machine's clock is set tells webhooks in time, and names it in `/readyz` within a minute."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

from tests.beyond.clocks import STEPS, ServerClock
from tests.components import CmsServer, cms, cms_server
from tests.conftest import SAMPLE, copy_site, eventually
from tests.receiver import Receiver, receiving

ALL = os.environ.get("CMS_TEST_CLOCKS") == "all"
MAX_WAIT_S = 2.0
POINTS = ("before the save", "after the save", "at an attempt that fails", "at an attempt that succeeds")
CASES = list(itertools.product(POINTS, STEPS, (True, False)))
FEW = [("after the save", "-1h", False), ("at an attempt that fails", "+10y", True), ("before the save", "+40d", False)]


@dataclass
class World:
    """A running server with one webhook, whose clock may be set."""

    server: CmsServer
    clock: ServerClock
    receiver: Receiver
    headers: dict[str, str]
    article: str = "/api/v1/articles/news/en/river-bus"

    def ask(self, method: str, path: str, **others: Any) -> urllib3.BaseHTTPResponse:
        others["headers"] = {**self.headers, **others.get("headers", {})}
        return urllib3.request(method, self.server.url + path, retries=False, timeout=60, **others)

    def save(self, title: str) -> None:
        etag = self.ask("GET", self.article).headers["ETag"]
        headers = {"If-Match": etag, "Content-Type": "application/merge-patch+json"}
        answer = self.ask("PATCH", self.article, json={"data": {"title": title}}, headers=headers)
        assert answer.status == 200, answer.data

    def is_named(self) -> bool:
        return "clock_stepped" in [one["name"] for one in self.ask("GET", "/readyz").json()["notices"]]

    def seconds_until(self, check: Any) -> float:
        began = time.monotonic()
        assert eventually(check, 60 + MAX_WAIT_S)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("clocks")
    site = copy_site(SAMPLE, folder / "site")
    made = cms(site, "token", "create", "--name", "test", "--scope", "admin")
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    clock = ServerClock(folder / "clock")
    with receiving() as receiver:
        settings = {"CMS_WEBHOOKS_ALLOW_PRIVATE": "true", **clock.environment}
        with cms_server(site, folder / "log", **settings) as server:
            found = World(server, clock, receiver, headers)
            hook = {"url": receiver.url, "quiet_s": 1, "max_wait_s": MAX_WAIT_S}
            assert found.ask("POST", "/api/v1/webhooks", json=hook).status == 201
            yield found


@pytest.mark.parametrize(("point", "step", "is_back"), CASES if ALL else FEW)
def test_a_save_is_told_in_time_and_the_clock_is_named(world: World, point: str, step: str, is_back: bool) -> None:
    _set_at(point, world, STEPS[step])
    named_s = 0.0 if is_back else world.seconds_until(world.is_named)
    if is_back:
        world.clock.set_ahead(0)
    before = len(world.receiver.messages)
    world.save(f"{point} {step} {is_back} later")
    told_s = world.seconds_until(lambda: len(world.receiver.messages) > before)
    how = "and back" if is_back else f"for good: named after {named_s:.1f} s"
    sys.stdout.write(f"{point}, {step}, {how}: told after {told_s:.1f} s\n")
    world.clock.set_ahead(0)
    world.save(f"{point} {step} {is_back} right again")
    assert eventually(lambda: not world.is_named(), 60)


def _set_at(point: str, world: World, ahead_s: float) -> None:
    """Save, and have it told; at that point the clock is set."""

    def go_wrong() -> None:
        world.clock.set_ahead(ahead_s)

    tried = len(world.receiver.messages)
    if point == POINTS[0]:
        go_wrong()
    elif point in POINTS[2:]:
        world.receiver.statuses = [503] if point == POINTS[2] else []
        world.receiver.meanwhile = go_wrong
    world.save(f"{point} {ahead_s} first {time.monotonic()}")
    if point == POINTS[1]:
        go_wrong()
    world.seconds_until(lambda: len(world.receiver.messages) > tried)
    world.receiver.meanwhile = None


def test_the_log_names_the_clock(world: World) -> None:
    tried = len(world.receiver.messages)
    world.save(f"first {time.monotonic()}")
    world.seconds_until(lambda: len(world.receiver.messages) > tried)
    world.clock.set_ahead(STEPS["+1h"])
    assert eventually(lambda: "The clock was set ahead by" in world.server.log.read_text(), 60)
    world.clock.set_ahead(0)
