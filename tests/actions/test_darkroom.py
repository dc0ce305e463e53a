"""Photos are decoded in processes apart: few at once, and one that the system ends is started again."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.actions import darkroom, renditions
from cms.actions.check import check
from cms.context import Context
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import reconcile
from tests.store.racing import race


@dataclass
class Watch:
    """The child processes that decode: how many there were at most at once; the first `to_kill` of them are ended."""

    to_kill: int = 0
    most: int = 0
    killed: set[int] = field(default_factory=set)

    def look(self) -> None:
        children = {pid for pid in _children() if b"cms.actions.darkroom" in _command(pid)}
        self.most = max(self.most, len(children))
        for pid in children - self.killed:
            if len(self.killed) < self.to_kill:
                self.killed.add(pid)
                os.kill(pid, signal.SIGKILL)


def _children() -> list[int]:
    return [int(pid) for task in Path("/proc/self/task").iterdir() for pid in _read(task / "children").split()]


def _command(pid: int) -> bytes:
    return _read(Path(f"/proc/{pid}/cmdline"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # the thread or process has ended
        return b""


@contextmanager
def watching(to_kill: int = 0) -> Iterator[Watch]:
    watch, ended = Watch(to_kill), threading.Event()

    def look() -> None:
        while not ended.is_set():
            watch.look()
            time.sleep(0.002)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        ended.set()
        thread.join()


def test_however_many_send_photos_few_are_decoded_at_once(client: FlaskClient, admin: dict[str, str]) -> None:
    app = client.application

    def post(number: int) -> int:
        photos = [(picture(size=(400 + number, 300 + more)), f"{more}.jpg") for more in range(2)]
        return send(app.test_client(), admin, *photos, folder=f"apart-{number}").status_code

    with watching() as watch:
        assert race(6, post) == [201] * 6
    assert watch.most == darkroom.AT_ONCE


def test_who_waits_too_long_is_told_to_come_back(
    client: FlaskClient, admin: dict[str, str], ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(darkroom, "WAIT_S", 0.05)
    with darkroom.darkrooms(ctx.settings.limits, 9) as rooms:
        assert len(rooms) == darkroom.AT_ONCE
        answer = send(client, admin, (picture(), "a.jpg"), folder="apart")
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
    assert send(client, admin, (picture(), "a.jpg"), folder="apart").status_code == 201


@pytest.fixture
def alone(ctx: Context, site: Path) -> str:
    """The path of the only photo that the site has."""
    shutil.rmtree(site / "src/assets")
    (site / "src/assets/own").mkdir(parents=True)
    (site / "src/assets/own/a.jpg").write_bytes(picture(size=(400, 300)))
    reconcile(ctx, accept_deletions=True)
    return "own/a.jpg"


@pytest.mark.usefixtures("without_avif")
def test_a_process_that_the_system_ends_costs_no_photo_its_variants(
    client: FlaskClient, ctx: Context, alone: str
) -> None:
    with watching(to_kill=1) as watch:
        assert renditions.make(ctx) == 1
    assert len(watch.killed) == 1
    assert client.get(f"{IMAGES}/{alone}").get_json()["variants"]
    assert "image_without_variants" not in {finding.code for finding in check(ctx)}


@pytest.mark.usefixtures("without_avif")
def test_f08_a_photo_that_costs_too_much_gets_its_small_variants(
    client: FlaskClient, ctx: Context, site: Path, alone: str
) -> None:
    (site / "src/assets" / alone).write_bytes(picture(size=(1000, 700)))
    reconcile(ctx)
    with watching(to_kill=2):
        assert renditions.make(ctx) == 1
    shown = client.get(f"{IMAGES}/{alone}").get_json()
    assert [item["width"] for item in shown["variants"]] == [320, 640]
    assert shown["variants_missing"] == [{"width": 960, "format": "webp", "reason": "failed"}]
    assert [finding.path for finding in check(ctx) if finding.code == "image_variants_missing"] == [
        f"src/assets/{alone}"
    ]


@pytest.mark.usefixtures("without_avif")
def test_a_photo_that_ends_every_process_is_named(client: FlaskClient, ctx: Context, alone: str) -> None:
    with watching(to_kill=9) as watch:
        assert renditions.make(ctx) == 1
    assert len(watch.killed) == 4
    assert client.get(f"{IMAGES}/{alone}").get_json()["variants"] == []
    assert [finding.path for finding in check(ctx) if finding.code == "image_without_variants"] == [
        f"src/assets/{alone}"
    ]
