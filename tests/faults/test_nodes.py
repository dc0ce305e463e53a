"""Three machines with one bucket and one PostgreSQL: killed one after the other under writers, they lose nothing.

`CMS_TEST_NODE_KILLS=100` kills so many; without it a few are.
"""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import urllib3

from cms.model.cursor import decode
from tests.components import CmsServer, cms, cms_server_at, free_port
from tests.conftest import SITES, buckets, copy_site, eventually
from tests.counted import Told
from tests.faults.ledger import check_chains
from tests.faults.test_kills import ARTICLES, Clients, put_articles
from tests.receiver import Receiver
from tests.telling import check_nothing_is_left_out

KILLS = int(os.environ.get("CMS_TEST_NODE_KILLS", "3"))
NODES, WRITERS = 3, 2
NAME = "news/en/killed-0"


@dataclass
class Nodes:
    """What every machine is told, and the servers on them, by their ports."""

    folder: Path
    environment: dict[str, str]
    token: str
    logs: Path
    running: dict[int, ExitStack] = field(default_factory=dict)
    servers: dict[int, CmsServer] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        return list(self.servers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def start(self, port: int) -> None:
        stack = ExitStack()
        log = self.logs / f"{port}-{time.monotonic_ns()}"
        self.servers[port] = stack.enter_context(cms_server_at(port, self.folder, log, **self.environment))
        self.running[port] = stack

    def kill(self, port: int) -> None:
        os.killpg(self.servers[port].process.pid, signal.SIGKILL)
        self.running.pop(port).close()

    def stop(self) -> None:
        for stack in self.running.values():
            stack.close()

    def shows(self, port: int, article: bytes) -> bool:
        return self.get(port, f"/articles/{NAME}").data == article

    def get(self, port: int, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/api/v1{path}", retries=False, timeout=60)


@pytest.fixture
def nodes(light_sample: Path, s3_url: str, postgres_url: str, tmp_path: Path) -> Iterator[Nodes]:
    folder = copy_site(light_sample, buckets() / SITES / tmp_path.name)
    put_articles(folder)
    environment = {
        "CMS_SITE": f"s3://{SITES}/{tmp_path.name}",
        "CMS_DATABASE": postgres_url,
        "CMS_SCAN_S": "1",
        "CMS_WEBHOOKS_ALLOW_PRIVATE": "true",
    }
    made = cms(folder, "token", "create", "--name", "test", "--scope", "admin", **environment)
    assert made.returncode == 0, made.stderr
    found = Nodes(folder, environment, made.stdout.strip(), tmp_path)
    try:
        for _ in range(NODES):
            found.start(free_port())
        yield found
    finally:
        found.stop()


def test_an_edit_on_one_node_is_there_on_the_others(nodes: Nodes) -> None:
    first, *others = nodes.ports
    for number in range(3):
        for port in nodes.ports:
            assert nodes.get(port, f"/articles/{NAME}").status == 200  # now it is in memory
        etag = nodes.get(first, f"/articles/{NAME}").headers["ETag"]
        url = f"http://127.0.0.1:{first}/api/v1/articles/{NAME}"
        body = {"data": {"title": f"Title {number}"}}
        headers = {**nodes.headers, "If-Match": etag, "Content-Type": "application/merge-patch+json"}
        saved = urllib3.request("PATCH", url, json=body, headers=headers, retries=False, timeout=60)
        assert saved.status == 200, saved.data
        for port in others:
            assert eventually(partial(nodes.shows, port, saved.data), 10)


def test_what_nodes_acknowledge_is_there_though_they_are_killed(
    nodes: Nodes, receiver: Receiver, counted: Told
) -> None:
    chance = random.Random(9)
    hook = {"url": receiver.url, "target": "generic", "quiet_s": 0, "max_wait_s": 1}
    url = f"http://127.0.0.1:{nodes.ports[0]}/api/v1/webhooks"
    made = urllib3.request("POST", url, json=hook, headers=nodes.headers, retries=False, timeout=60)
    assert made.status == 201, made.data
    clients = [Clients(f"http://127.0.0.1:{port}", nodes.headers) for port in nodes.ports for _ in range(WRITERS)]
    threads = [threading.Thread(target=one.write, args=(number,)) for number, one in enumerate(clients)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(KILLS):
            before = sum(len(one.saves) for one in clients)
            assert eventually(lambda before=before: sum(len(one.saves) for one in clients) >= before + len(clients))
            port = chance.choice(nodes.ports)
            nodes.kill(port)
            time.sleep(chance.uniform(0, 1))
            nodes.start(port)
    finally:
        for one in clients:
            one.stop.set()
        for thread in threads:
            thread.join()
    saves = [save for one in clients for save in one.saves]
    synced = cms(nodes.folder, "sync", **nodes.environment)
    assert synced.returncode == 0, synced.stderr
    check_chains(nodes.folder, saves, nodes.environment["CMS_DATABASE"])
    feeds = [feed(nodes, port) for port in nodes.ports]
    assert feeds[0] == feeds[1] == feeds[2]
    end = decode(json.loads(nodes.get(nodes.ports[0], "/sync").data.splitlines()[-1])["cursor"]).seq
    assert eventually(lambda: any(decode(one["cursor"]).seq == end for one in told(receiver)))
    start = min(decode(one["previous_cursor"]).seq for one in told(receiver))
    check_nothing_is_left_out(told(receiver), start, end)
    answers = {status for one in clients for status in one.answers}
    counted({"kills": KILLS, "acknowledged": len(saves), "lost": 0, "messages": len(receiver.messages)})
    assert len(saves) > ARTICLES
    assert answers <= {200, 412, 503, "none"}


def feed(nodes: Nodes, port: int) -> set[tuple[str, str, str]]:
    lines = map(json.loads, nodes.get(port, "/sync?collection=news").data.splitlines())
    return {(line["id"], line["version"], line["digest"]) for line in lines if line["type"] == "article"}


def told(receiver: Receiver) -> list[dict[str, str]]:
    return [json.loads(body) for _, body in receiver.messages]
