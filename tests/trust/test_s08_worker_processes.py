"""S8, S1: a background step that fails again and again, a worker that is stopped, and one that is not there at all are
alerts in `/readyz` and in the metrics; a stopped worker is replaced, and its work is done."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from tests.components import CmsServer, children, cms, cms_server
from tests.conftest import copy_site, eventually

pytestmark = pytest.mark.xdist_group("worker_processes")

HTTP = urllib3.PoolManager(retries=False)
ARTICLE = "/api/v1/articles/news/en/river-bus"
ALL_STEPS = {
    "reconcile", "examine", "heal", "publish", "git", "git_remote", "deliver", "send", "renditions", "avif", "sweep",
    "watch", "reserve",
}  # fmt: skip


class Running(NamedTuple):
    """Servers of a site each: one with its worker, one whose operator has forgotten the worker, one of which the worker
    will be stopped. They run side by side, for most of the time is spent waiting."""

    whole: CmsServer
    lonely: CmsServer
    hung: CmsServer


@pytest.fixture(scope="module")
def running(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with ExitStack() as stack:
        servers = {}
        for name, options in (("lonely", ["--no-worker"]), ("whole", []), ("hung", [])):
            folder = tmp_path_factory.mktemp(name)
            site = copy_site(light_sample, folder / "site")
            servers[name] = stack.enter_context(cms_server(site, folder / "log", *options))
        yield Running(**servers)


def admin(server: CmsServer) -> dict[str, str]:
    made = cms(server.site, "token", "create", "--name", "test", "--scope", "admin")
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


def notices(server: CmsServer, headers: dict[str, str] | None = None) -> dict[str, str]:
    """The details of the notices, by their names."""
    answer = HTTP.request("GET", f"{server.url}/readyz", headers=headers)
    assert answer.status == 200
    found = answer.json()
    assert found["status"] == ("degraded" if found["notices"] else "ready")
    return {notice["name"]: notice.get("detail", "") for notice in found["notices"]}


def metrics(server: CmsServer, headers: dict[str, str]) -> dict[tuple[str, str], float]:
    """The samples by their name and the value of their one label."""
    answer = HTTP.request("GET", f"{server.url}/metrics", headers=headers)
    assert answer.status == 200
    samples = [s for family in text_string_to_metric_families(answer.data.decode()) for s in family.samples]
    return {(s.name, next(iter(s.labels.values()), "")): s.value for s in samples if len(s.labels) <= 1}


def worker_of(server: CmsServer) -> int | None:
    found = [pid for pid in children(server.process.pid) if b"\0worker\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return found[0] if found else None


def title(server: CmsServer) -> str:
    found: dict[str, Any] = HTTP.request("GET", server.url + ARTICLE).json()
    return str(found["data"]["title"])


def test_every_step_of_a_healthy_worker_is_heard_from(running: Running) -> None:
    server, headers = running.whole, admin(running.whole)
    assert eventually(lambda: ("cms_worker_beat_seconds", "sweep") in metrics(server, headers))
    found = metrics(server, headers)
    assert {label for name, label in found if name == "cms_worker_beat_seconds"} == ALL_STEPS
    assert {label: value for (name, label), value in found.items() if name == "cms_worker_failures"} == dict.fromkeys(
        ALL_STEPS, 0.0
    )
    assert notices(server) == {}


class Stopped(NamedTuple):
    """A worker that is stopped, as one is that waits for a disk that does not answer. It may hold the database's write
    lock, so that the token was made before."""

    pid: int
    headers: dict[str, str]


@pytest.fixture(scope="module")
def stopped(running: Running) -> Stopped:
    assert eventually(lambda: worker_of(running.hung) and notices(running.hung) == {})
    headers, found = admin(running.hung), worker_of(running.hung)
    assert found is not None
    os.kill(found, signal.SIGSTOP)
    return Stopped(found, headers)


def test_a_stopped_worker_is_an_alert(running: Running, stopped: Stopped) -> None:
    server, headers = running.hung, stopped.headers
    path = server.site / "src/content/news/en/river-bus.md"
    path.write_text(re.sub(r"^title: .*$", "title: By hand", path.read_text(), count=1, flags=re.MULTILINE))
    assert eventually(lambda: notices(server, headers)).keys() == {"worker_silent"}
    assert metrics(server, headers)["cms_worker_beat_seconds", "reconcile"] > 10
    assert worker_of(server) == stopped.pid, "the alert comes long before the worker is given up"
    assert title(server) != "By hand"


def test_a_step_that_fails_three_times_in_a_row_is_an_alert_until_it_succeeds(running: Running) -> None:
    """There is a file where the folder of variants is to be, and a new photo."""
    server, headers = running.whole, admin(running.whole)
    folder = server.site / ".cms/variants"
    assert eventually(lambda: b'"placeholder":null' not in HTTP.request("GET", f"{server.url}/api/v1/images").data)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("no folder")
    Image.new("RGB", (50, 40), "red").save(server.site / "src/assets/new.jpg")
    name = "worker_failing_renditions"
    assert eventually(lambda: name in notices(server, headers), 180)
    detail = notices(server, headers)[name]
    assert "renditions" in detail
    assert "Unavailable" in detail
    assert notices(server)[name] == "", "who is no admin is told the name alone"
    found = metrics(server, headers)
    assert found["cms_worker_failures", "renditions"] >= 3
    assert found["cms_notice_seconds", name] >= 0
    folder.unlink()
    aside.rename(folder)
    assert eventually(lambda: notices(server, headers) == {}, 180)
    assert metrics(server, headers)["cms_worker_failures", "renditions"] == 0


def test_a_server_without_any_worker_is_an_alert(running: Running) -> None:
    server, headers = running.lonely, admin(running.lonely)
    assert eventually(lambda: notices(server, headers), 90).keys() == {"worker_silent"}
    assert "cms worker" in notices(server, headers)["worker_silent"]
    assert metrics(server, headers)["cms_notice_seconds", "worker_silent"] > 0


def test_a_stopped_worker_is_replaced_and_its_work_is_done(running: Running, stopped: Stopped) -> None:
    server, headers = running.hung, stopped.headers
    assert eventually(lambda: worker_of(server) not in (stopped.pid, None), 180)
    assert eventually(lambda: title(server) == "By hand")
    assert eventually(lambda: notices(server, headers) == {})
    assert "no sign of life" in server.log.read_text()


def test_a_server_with_a_stopped_worker_ends_when_it_is_asked_to(running: Running) -> None:
    """Left to the end: the server is gone afterwards."""
    found = worker_of(running.hung)
    assert found is not None
    os.kill(found, signal.SIGSTOP)
    running.hung.process.send_signal(signal.SIGTERM)
    assert running.hung.process.wait(180) == 0
    assert "is killed" not in running.hung.log.read_text().rpartition("begun again")[2]
    assert not Path(f"/proc/{found}").exists()
