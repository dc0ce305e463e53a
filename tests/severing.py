"""A way to a CMS on which the CMS is killed in the middle of an answer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import urllib3

from tests.loopback import answering


class Severing(ThreadingHTTPServer):
    """Passes requests on to `target` until one begins with `at`: half of its answer is sent, and `victim` killed."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.pool = urllib3.PoolManager(retries=False, maxsize=32)
        self.at: str | None = None
        self.victim: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Severing

    def do_GET(self) -> None:
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = self.server.pool.request("GET", self.server.target + self.path, headers=headers)
        except urllib3.exceptions.HTTPError:
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        if self.server.at is not None and self.path.startswith(self.server.at):
            assert self.server.victim is not None
            self.server.victim.kill()
            self.server.victim.wait()
            self.wfile.write(answer.data[: len(answer.data) // 2])
            self.close_connection = True
        else:
            self.wfile.write(answer.data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The test looks at the site, not at a log."""


@contextmanager
def severing(target: str) -> Iterator[Severing]:
    server = Severing(target)
    with answering(server):
        yield server
