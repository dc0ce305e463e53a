"""Servers that are ended and started again under load, behind the README's nginx.

`CMS_TEST_RESTARTS=20` restarts each of two servers so often; without it once.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path

import urllib3

from tests.api.editing import TEXT
from tests.components import CmsServer, cms, cms_server, cms_server_at, free_port
from tests.conftest import eventually
from tests.counted import Told
from tests.proxy import nginx_before

RESTARTS = int(os.environ.get("CMS_TEST_RESTARTS", "1"))
PAUSE_S = 0.02
READERS = 4
WRITERS = 4


@dataclass
class Load:
    """What readers and writers were answered; each writer has an article of its own, and names what it knows of it."""

    url: str
    headers: dict[str, str]
    answers: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def read(self, number: int) -> None:
        with urllib3.PoolManager(retries=False, timeout=60) as http:
            while not self.stop.is_set():
                self._one(http, "GET", f"restarted-{number}", {}, None)

    def write(self, number: int) -> None:
        with urllib3.PoolManager(retries=False, timeout=60) as http:
            name, save = f"restarted-{number}", 0
            etag = http.request("GET", f"{self.url}/{name}", headers=self.headers).headers["ETag"]
            while not self.stop.is_set():
                save += 1
                text = TEXT.replace("'A day at the library'", f"Save {save} of {number}")
                headers = {**self.headers, "If-Match": etag, "Content-Type": "text/markdown"}
                etag = self._one(http, "PUT", name, headers, text.encode()) or etag

    def _one(
        self, http: urllib3.PoolManager, method: str, name: str, headers: dict[str, str], body: bytes | None
    ) -> str:
        try:
            answer = http.request(method, f"{self.url}/{name}", headers=headers, body=body)
        except urllib3.exceptions.HTTPError as error:
            self.answers[f"{method} {type(error).__name__}"] += 1
            return ""
        code = "" if answer.status == 200 else f" {answer.data[-300:].decode()}"
        self.answers[f"{method} {answer.status}{code}"] += 1
        self.stop.wait(PAUSE_S)
        return answer.headers.get("ETag", "")


def test_of_two_servers_that_are_restarted_under_load_no_request_is_lost(
    light_site: Path, tmp_path: Path, counted: Told
) -> None:
    for number in range(WRITERS):
        (light_site / f"src/content/news/en/restarted-{number}.md").write_text(TEXT)
    admin = cms(light_site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    ports = [free_port(), free_port()]
    with ExitStack() as stack:
        servers = [_start(stack, light_site, port, tmp_path / f"log-{port}") for port in ports]
        url = stack.enter_context(nginx_before(ports, tmp_path / "nginx"))
        load = Load(f"{url}/api/v1/articles/news/en", {"Authorization": f"Bearer {admin}"})
        threads = [threading.Thread(target=load.read, args=(number,)) for number in range(READERS)]
        threads += [threading.Thread(target=load.write, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            for restart in range(RESTARTS * 2):
                server = servers[restart % 2]
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(60) == 0
                log = tmp_path / f"log-{server.port}-{restart}"
                servers[restart % 2] = _start(stack, light_site, server.port, log)
        finally:
            load.stop.set()
            for thread in threads:
                thread.join()
    counted({"restarts": RESTARTS * 2, "answers": dict(load.answers)})
    assert set(load.answers) == {"GET 200", "PUT 200"}, load.answers
    assert min(load.answers.values()) > RESTARTS * 20


def _start(stack: ExitStack, site: Path, port: int, log: Path) -> CmsServer:
    server = stack.enter_context(cms_server_at(port, site, log, "--drain", "1", CMS_PROXIES="1"))
    assert eventually(lambda: urllib3.request("GET", f"{server.url}/readyz", retries=False).status == 200)
    return server


def test_a_server_that_is_to_end_says_so_and_finishes_what_was_begun(light_site: Path, tmp_path: Path) -> None:
    admin = cms(light_site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    text = TEXT.encode()
    with cms_server(light_site, tmp_path / "log", "--workers", "2", "--drain", "600") as server:
        assert _ready(server)
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: {_ready(server) for _ in range(20)} == {"stopping"})
        for path in ("/api/v1/articles/news/en/opening-day", "/healthz"):
            answer = urllib3.request("GET", server.url + path, retries=False)
            assert (answer.status, answer.headers["Connection"]) == (200, "close")
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.putrequest("PUT", "/api/v1/articles/news/en/begun")
        headers = {"Authorization": f"Bearer {admin}", "If-None-Match": "*", "Content-Type": "text/markdown"}
        for name, value in {**headers, "Content-Length": str(len(text))}.items():
            connection.putheader(name, value)
        connection.endheaders(text[:100])
        assert {_ready(server) for _ in range(20)} == {"stopping"}  # so the first half has arrived
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGTERM)
        assert eventually(lambda: not _is_listening(server.port))
        connection.send(text[100:])
        assert connection.getresponse().status == 201
        connection.close()
        assert server.process.wait(60) == 0
    assert (light_site / "src/content/news/en/begun.md").read_bytes() == text
    assert '"path":"/api/v1/articles/news/en/begun","status":201' in server.log.read_text()


def _ready(server: CmsServer) -> str:
    answer = urllib3.request("GET", f"{server.url}/readyz", retries=False)
    status: str = answer.json()["status"]
    assert answer.status == (503 if status == "stopping" else 200)
    return status


def _is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
