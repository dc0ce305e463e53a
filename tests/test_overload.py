"""More requests than the service can answer: it says so at once, and serves what it can."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import urllib3

from cms.api import gate
from tests.api.editing import TEXT
from tests.components import CmsServer, cms, cms_server
from tests.conftest import copy_site, eventually

pytestmark = pytest.mark.xdist_group("overload")

ARTICLES = "/api/v1/articles/news/en"
ARTICLE = f"{ARTICLES}/opening-day"
PHOTO = "/media/news/river-bus/photo-1.jpg"
BODY = TEXT.encode()
SAVE = {"If-None-Match": "*", "Content-Type": "text/markdown"}
MANY = 60


@dataclass(frozen=True)
class Here:
    server: CmsServer
    admin: dict[str, str]
    http: urllib3.PoolManager

    def get(self, path: str, *, is_known: bool = True, **named: Any) -> urllib3.BaseHTTPResponse:
        """What is asked with a token is never answered from memory."""
        headers = self.admin if is_known else {}
        return self.http.request("GET", self.server.url + path, headers=headers, **named)

    def begin(self, name: str) -> HTTPConnection:
        """The first byte of a save, which is inside until the rest has come."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        connection.putrequest("PUT", f"{ARTICLES}/{name}")
        for header, value in {**self.admin, **SAVE, "Content-Length": str(len(BODY))}.items():
            connection.putheader(header, value)
        connection.endheaders(BODY[:1])
        return connection

    def sent(self, name: str, body: bytes) -> urllib3.BaseHTTPResponse | None:
        """The answer to a save; None when the server, which did not read all of it, was gone before that was heard."""
        try:
            url = f"{self.server.url}{ARTICLES}/{name}"
            return self.http.request("PUT", url, headers={**self.admin, **SAVE}, body=body)
        except urllib3.exceptions.ProtocolError:
            return None

    def saved(self) -> set[str]:
        return {path.stem for path in (self.server.site / "src/content/news/en").glob("sent-*")}


@pytest.fixture(scope="module")
def here(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    folder = tmp_path_factory.mktemp("overload")
    site = copy_site(light_sample, folder / "content")
    with (
        cms_server(site, folder / "log", "--no-worker") as server,
        urllib3.PoolManager(retries=False, timeout=60, maxsize=MANY) as http,
    ):
        made = cms(site, "token", "create", "--name", "test", "--scope", "admin")
        found = Here(server, {"Authorization": f"Bearer {made.stdout.strip()}"}, http)
        # That the token was used is written a moment later, and any write empties the memory.
        assert eventually(lambda: found.get("/api/v1/tokens").json()["items"][0]["last_used_at"])
        yield found


def test_what_is_too_much_is_refused_soon_and_the_rest_goes_on(here: Here) -> None:
    assert here.get(ARTICLE, is_known=False).status == 200  # now it is in memory
    with ExitStack() as stack, ThreadPoolExecutor(MANY) as pool:
        begun = [stack.enter_context(closing(here.begin(f"sent-{number}"))) for number in range(gate.AT_ONCE)]
        assert eventually(lambda: here.get(ARTICLE).status == 503)
        answers = list(pool.map(here.get, [ARTICLE] * MANY))
        for path in ["/healthz", "/readyz", ARTICLE, PHOTO] * 20:
            assert here.get(path, is_known=False).status == 200, path
        assert here.get("/metrics").status == 200
        for answer in answers:
            refused(answer)
        for connection in begun:
            connection.send(BODY[1:])
            assert connection.getresponse().status == 201
    assert [here.get(ARTICLE).status for _ in range(MANY)] == [200] * MANY
    assert here.saved() == {f"sent-{number}" for number in range(gate.AT_ONCE)}
    counted = re.search(rb"^cms_refused_total\{.*\} (.*)", here.get("/metrics").data, re.MULTILINE)
    assert counted is not None
    assert float(counted[1]) >= MANY


@contextmanager
def crowded(here: Here) -> Iterator[None]:
    """During the block, editors have all places, and whoever comes is refused."""
    time.sleep(2 * gate.CALM_S)  # of those refused just before, and of those who leave
    with ExitStack() as stack:
        for _ in range(gate.AT_ONCE):
            stack.enter_context(closing(here.begin("sent-never")))
        assert eventually(lambda: here.get(ARTICLE).status == 503)
        yield


def refused(answer: urllib3.BaseHTTPResponse) -> None:
    assert (answer.status, answer.headers["Retry-After"]) == (503, str(gate.RETRY_AFTER_S))
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = json.loads(answer.data)
    assert (told["status"], told["code"], told["request_id"]) == (503, "overloaded", answer.headers["X-Request-Id"])


def test_a_refused_save_has_saved_nothing_however_long_it_is(here: Here) -> None:
    before = here.saved()
    with crowded(here):
        answers = [here.sent(f"sent-refused-{number}", BODY * 2000) for number in range(5)]
        told = [answer for answer in answers if answer is not None]
        assert told
        for answer in told:
            refused(answer)
    assert eventually(lambda: here.get(ARTICLE).status == 200)
    assert here.saved() == before


def test_editors_who_are_too_many_keep_no_reader_out(here: Here) -> None:
    with crowded(here):
        for path in (f"{ARTICLES}/river-bus", "/api/v1/articles?collection=news"):
            assert here.get(path, is_known=False).status == 200, path


def test_who_goes_away_in_the_middle_keeps_no_place(here: Here) -> None:
    for _ in range(2 * gate.AT_ONCE):
        here.begin("sent-never").close()
        with socket.create_connection(("127.0.0.1", here.server.port)) as reader:
            reader.sendall(b"GET /api/v1/sync HTTP/1.1\r\nHost: cms\r\n\r\n")
            assert reader.recv(1)
    assert eventually(lambda: here.get(ARTICLE).status == 200)
    assert [here.get(ARTICLE).status for _ in range(MANY)] == [200] * MANY
