"""What is to be done once for all machines: each of them would do it, and one does."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.api.editing import TEXT
from tests.api.test_images import picture
from tests.components import free_port
from tests.conftest import SITES, buckets, copy_site, eventually
from tests.faulty import Proxy, faulty
from tests.nodes import Nodes, nodes_of
from tests.receiver import Receiver

NODES, ARTICLES, PHOTOS = 3, 8, 8
SOON_S = 20
"""Until then, all articles are there, however slow the machine is."""
MADE = ["320.avif", "320.webp", "640.avif", "640.webp", "avif-2.json", "facts-2.json"]


@pytest.fixture
def bucket(s3_url: str) -> Iterator[Proxy]:
    with faulty(s3_url) as made:
        yield made


@pytest.fixture
def nodes(light_sample: Path, bucket: Proxy, postgres_url: str, tmp_path: Path) -> Iterator[Nodes]:
    folder = copy_site(light_sample, buckets() / SITES / tmp_path.name)
    (folder / "src/content/news.cms.json").write_text(json.dumps({"publish": "date"}))
    environment = {
        "CMS_SITE": f"s3://{SITES}/{tmp_path.name}",
        "CMS_DATABASE": postgres_url,
        "CMS_WEBHOOKS_ALLOW_PRIVATE": "true",
        "AWS_ENDPOINT_URL_S3": bucket.url,
    }
    with nodes_of(folder, environment, tmp_path) as found:
        for _ in range(NODES):
            found.start(free_port())
        yield found


def test_schedules_variants_and_messages_are_one_nodes_work(nodes: Nodes, bucket: Proxy, receiver: Receiver) -> None:
    ask(nodes, "POST", "/webhooks", json={"url": receiver.url, "target": "generic", "quiet_s": 0, "max_wait_s": 1})
    due = datetime.fromtimestamp(time.time() + SOON_S, UTC).isoformat()
    names = [f"news/en/due-{number}" for number in range(ARTICLES)]
    for name in names:
        text = TEXT.replace("date: 2025-06-24", f"date: {due}").encode()
        ask(nodes, "PUT", f"/articles/{name}", body=text, headers={"Content-Type": "text/markdown"})
    files = [("files", (f"{number}.jpg", picture(size=(700, 500 + number)))) for number in range(PHOTOS)]
    photos = [item["sha256"] for item in ask(nodes, "POST", "/images", fields=[("folder", "new"), *files])["items"]]
    for port in nodes.ports:
        assert eventually(partial(are_published, nodes, port, names))
    for name in names:
        entries = ask(nodes, "GET", f"/history/{name}")["items"]
        assert [(entry["actor"], entry["visible_after"]) for entry in entries] == [("clock", True), ("test", False)]

    assert eventually(lambda: all(sorted(made(bucket)[photo]) == MADE for photo in photos)), made(bucket)
    time.sleep(3)  # more than a pause between two looks for work: whoever is late would begin now
    assert all(sorted(names) in (MADE, ["avif-2.json", "facts-2.json"]) for names in made(bucket).values()), made(
        bucket
    )

    told = Counter(json.loads(body)["cursor"] for _, body in receiver.messages)
    assert told
    assert set(told.values()) == {1}


def ask(nodes: Nodes, method: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> Any:
    """As an editor asks the first node, who does not refuse."""
    url = f"http://127.0.0.1:{nodes.ports[0]}/api/v1{path}"
    both = {**nodes.headers, **({} if method == "GET" else {"If-None-Match": "*"}), **(headers or {})}
    answer = urllib3.request(method, url, headers=both, retries=False, timeout=60, **options)
    assert answer.status in (200, 201), answer.data
    return answer.json()


def are_published(nodes: Nodes, port: int, names: list[str]) -> bool:
    return all(nodes.get(port, f"/articles/{name}").status == 200 for name in names)


def made(bucket: Proxy) -> dict[str, list[str]]:
    """What was put beside each photo, by the photo's digest, as often as it was."""
    found = defaultdict[str, list[str]](list)
    for path in bucket.put:
        if "/variants/" in path:
            digest, _, name = path.partition("/variants/")[2].partition("/")
            found[digest].append(name)
    return found
