"""Three machines with one bucket and one PostgreSQL, behind nginx: while they are killed one after the other, and
PostgreSQL is restarted, 16 clients lose nothing.

`CMS_TEST_NODE_KILLS=100` kills so many; without it a few are.
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import urllib3

from cms.model.cursor import decode
from tests.components import cms, free_port, s3_environment
from tests.conftest import SITES, buckets, copy_site, eventually
from tests.counted import Told
from tests.faults.ledger import check_chains
from tests.faults.test_kills import ARTICLES, Clients, put_articles
from tests.nodes import Nodes, nodes_of
from tests.postgres import Debian, Packaged, Postgres, postgres
from tests.proxy import nginx_before
from tests.receiver import Receiver
from tests.servers import CEPH
from tests.telling import check_nothing_is_left_out

KILLS = int(os.environ.get("CMS_TEST_NODE_KILLS", "3"))
NODES, WRITERS, READERS = 3, 10, 6
NAME = "news/en/killed-0"
COMMON = {"CMS_SCAN_S": "1", "CMS_WEBHOOKS_ALLOW_PRIVATE": "true", "CMS_PROXIES": "1"}


@pytest.fixture
def nodes(light_sample: Path, s3_url: str, postgres_url: str, tmp_path: Path) -> Iterator[Nodes]:
    folder = copy_site(light_sample, buckets() / SITES / tmp_path.name)
    put_articles(folder)
    environment = {"CMS_SITE": f"s3://{SITES}/{tmp_path.name}", "CMS_DATABASE": postgres_url, **COMMON}
    with nodes_of(folder, environment, tmp_path) as found:
        for _ in range(NODES):
            found.start(free_port())
        yield found


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
            assert eventually(partial(shows, nodes, port, saved.data), 10)


@dataclass(frozen=True)
class Place:
    """An S3 server with a site, and a PostgreSQL."""

    site: str
    environment: dict[str, str]
    database: Postgres


@pytest.fixture
def place(request: pytest.FixtureRequest, light_site: Path) -> Iterator[Place]:
    server, kind = request.param
    with pytest.MonkeyPatch.context() as patched, postgres(kind) as database:
        for name, value in s3_environment(request.getfixturevalue(server)).items():
            patched.setenv(name, value)
        site = f"s3://{'photos' if server == 'ceph_url' else SITES}/{uuid.uuid4().hex}"
        environment = {"CMS_SITE": site, "CMS_DATABASE": database.url, **COMMON}
        put_articles(light_site)
        pushed = cms(light_site, "site", "push", str(light_site), **environment)
        assert pushed.returncode == 0, pushed.stderr
        yield Place(site, environment, database)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(("s3_url", Packaged), id="rclone, PostgreSQL 18"),
        pytest.param(("ceph_url", Debian), marks=CEPH.marks, id="Ceph, PostgreSQL 15"),
    ],
    indirect=True,
)
def test_what_nodes_acknowledge_is_there_though_they_are_killed(
    place: Place, light_site: Path, tmp_path: Path, receiver: Receiver, counted: Told
) -> None:
    with nodes_of(light_site, place.environment, tmp_path) as nodes:
        for _ in range(NODES):
            nodes.start(free_port())
        make_hook(nodes, receiver)
        # A bucket's list may lack for a moment what was just put into it.
        assert eventually(lambda: all(len(nodes.feed(port, "en/killed-")) == ARTICLES for port in nodes.ports))
        with (
            nginx_before(nodes.ports, tmp_path / "nginx") as url,
            Clients(url, nodes.headers).at_work(range(WRITERS), READERS) as clients,
        ):
            for number in range(KILLS):
                let_save(clients)
                kill_one(nodes, random.Random(number))
                if number % 3 == 0:
                    let_save(clients)
                    restart(place.database)
            let_save(clients)
        synced = cms(light_site, "sync", **place.environment)
        assert synced.returncode == 0, synced.stderr
        check_chains(place.site, clients.saves, place.database.url)
        assert eventually(lambda: nodes.feed(nodes.ports[0]) == nodes.feed(nodes.ports[1]))
        assert nodes.feed(nodes.ports[1]) == nodes.feed(nodes.ports[2])
        check_all_is_told(nodes, receiver)
    answers = {str(status): number for status, number in clients.answers.items()}
    counted({"kills": KILLS, "restarts": (KILLS + 2) // 3, "lost": 0, "messages": len(receiver.messages), **answers})
    assert clients.torn == []
    assert set(clients.answers) <= {200, 412, 502, 503, 504, "none"}


def restart(database: Postgres) -> None:
    database.stop()
    time.sleep(0.5)
    database.start()


def make_hook(nodes: Nodes, receiver: Receiver) -> None:
    hook = {"url": receiver.url, "target": "generic", "quiet_s": 0, "max_wait_s": 1}
    url = f"http://127.0.0.1:{nodes.ports[0]}/api/v1/webhooks"
    made = urllib3.request("POST", url, json=hook, headers=nodes.headers, retries=False, timeout=60)
    assert made.status == 201, made.data


def let_save(clients: Clients) -> None:
    before = len(clients.saves)
    assert eventually(lambda: len(clients.saves) >= before + 2 * ARTICLES)


def kill_one(nodes: Nodes, chance: random.Random) -> None:
    port = chance.choice(nodes.ports)
    nodes.kill(port)
    time.sleep(chance.uniform(0, 1))
    nodes.start(port)


def check_all_is_told(nodes: Nodes, receiver: Receiver) -> None:
    end = decode(json.loads(nodes.get(nodes.ports[0], "/sync").data.splitlines()[-1])["cursor"]).seq
    assert eventually(lambda: any(decode(one["cursor"]).seq == end for one in told(receiver)))
    start = min(decode(one["previous_cursor"]).seq for one in told(receiver))
    check_nothing_is_left_out(told(receiver), start, end)


def shows(nodes: Nodes, port: int, article: bytes) -> bool:
    return nodes.get(port, f"/articles/{NAME}").data == article


def told(receiver: Receiver) -> list[dict[str, str]]:
    return [json.loads(body) for _, body in receiver.messages]
