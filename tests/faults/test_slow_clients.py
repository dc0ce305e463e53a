"""Clients that send and read as slowly as they can, and those beside them, who have to notice nothing: behind the
README's nginx.

`CMS_TEST_SLOW=500` has so many of them for half a minute, and prints what the others had to wait; without it few, for a
moment.
"""

from __future__ import annotations

import os
import socket
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import urllib3
from PIL import Image

from tests.api.editing import TEXT
from tests.components import cms, cms_server
from tests.conftest import copy_site
from tests.counted import Told
from tests.proxy import nginx_before

pytestmark = pytest.mark.xdist_group("slow")

SLOW = int(os.environ.get("CMS_TEST_SLOW", "0"))
SECONDS = 30 if SLOW else 2
SIZE = (400, 400)
EVERY_S = 0.5
BETWEEN_S = 0.005
ARTICLES = "/api/v1/articles/news/en"
SENT = (
    b"GET /healthz HTTP/1.1\r\nHost: cms\r\nX-Slow: ",
    b"PUT /api/v1/articles/news/en/slow HTTP/1.1\r\nHost: cms\r\nContent-Type: text/markdown\r\n"
    b"Content-Length: 100000\r\n\r\n",
    b"GET /media/large.png HTTP/1.1\r\nHost: cms\r\n\r\n",
)
"""What each kind begins with; the last one reads a byte now and then, the others send one."""


@dataclass(frozen=True)
class Here:
    direct: str
    proxied: str
    admin: dict[str, str]


@pytest.fixture(scope="module")
def here(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    folder = tmp_path_factory.mktemp("slow")
    site = copy_site(light_sample, folder / "content")
    Image.frombytes("RGB", SIZE, os.urandom(3 * SIZE[0] * SIZE[1])).save(site / "src/assets/large.png")
    (site / "src/content/news/en/saved.md").write_text(TEXT)
    with ExitStack() as stack:
        server = stack.enter_context(cms_server(site, folder / "log", "--no-worker", CMS_PROXIES="1"))
        url = stack.enter_context(nginx_before([server.port], folder / "nginx"))
        made = cms(site, "token", "create", "--name", "test", "--scope", "admin")
        yield Here(server.url, url, {"Authorization": f"Bearer {made.stdout.strip()}"})


def test_who_is_slow_keeps_nobody_else_waiting(here: Here, counted: Told) -> None:
    with slow_clients(here.proxied, SLOW or 90) as kept:
        answers, times = normal_client(here.proxied, here.admin, SECONDS)
    p99 = statistics.quantiles(times, n=100)[98]
    told = {"slow": kept["opened"], "still open": kept["open"], "requests": len(times)}
    counted({**told, "p50": f"{statistics.median(times):.3f} s", "p99": f"{p99:.3f} s", "answers": dict(answers)})
    assert kept["open"] > (SLOW or 90) / 2
    assert set(answers) == {"GET 200", "PUT 200"}, answers
    assert not SLOW or p99 < 1


@contextmanager
def slow_clients(url: str, number: int) -> Iterator[dict[str, int]]:
    """So many connections, of the three kinds by turns; one that the server ends is opened again. When the block ends,
    tells how many were opened, and how many are open."""
    stop, kept = threading.Event(), {"opened": 0, "open": 0}
    clients: list[socket.socket | None] = [None] * number

    def keep() -> None:
        while not stop.wait(EVERY_S):
            for place, client in enumerate(clients):
                if client is None or not _goes_on(client, place % len(SENT)):
                    clients[place] = _begin(url, SENT[place % len(SENT)])
                    kept["opened"] += 1

    thread = threading.Thread(target=keep)
    thread.start()
    try:
        while None in clients:
            time.sleep(EVERY_S)
        yield kept
    finally:
        stop.set()
        thread.join()
        for place, client in enumerate(clients):
            if client is not None:
                kept["open"] += _goes_on(client, place % len(SENT))
                client.close()


def _begin(url: str, sent: bytes) -> socket.socket:
    time.sleep(BETWEEN_S)  # many at once would be another thing
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect((urlsplit(url).hostname, urlsplit(url).port))
    client.sendall(sent)
    client.setblocking(False)
    return client


def _goes_on(client: socket.socket, kind: int) -> bool:
    """Whether the server still has to do with it; else it is closed here too."""
    with suppress(OSError):
        try:
            if kind < len(SENT) - 1:
                client.send(b"x")
            if client.recv(1):
                return True
        except BlockingIOError:
            return True
    client.close()
    return False


def normal_client(url: str, admin: dict[str, str], seconds: float) -> tuple[Counter[str], list[float]]:
    """Reads and saves for so long; how each request was answered, and how long that took, in seconds."""
    answers: Counter[str] = Counter()
    times: list[float] = []

    def ask(method: str, headers: dict[str, str], body: str | None = None) -> str:
        began = time.perf_counter()
        try:
            answer = http.request(method, f"{url}{ARTICLES}/saved", headers=headers, body=body)
        except urllib3.exceptions.HTTPError as error:
            answers[f"{method} {type(error).__name__}"] += 1
            return ""
        finally:
            times.append(time.perf_counter() - began)
        answers[f"{method} {answer.status}"] += 1
        return answer.headers.get("ETag", "")

    ends = time.monotonic() + seconds
    with urllib3.PoolManager(retries=False, timeout=60) as http:
        while time.monotonic() < ends:
            ask("GET", {})
            headers = {**admin, "If-Match": ask("GET", admin), "Content-Type": "text/markdown"}
            ask("PUT", headers, TEXT.replace("library", f"library, {len(times)}"))
    return answers, times


def test_an_upload_that_is_refused_early_is_told_why(here: Here) -> None:
    body = os.urandom(5_000_000)
    for _ in range(5):
        answer = urllib3.request("POST", f"{here.proxied}/api/v1/images", body=body, retries=False)
        assert (answer.status, answer.headers["Content-Type"]) == (401, "application/problem+json")
