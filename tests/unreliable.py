"""A receiver of webhooks that fails, delays, drops and forgets at random, the same for the same seed."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

from tests.loopback import answering

FATES = ("answers", "fails", "delays", "drops", "drops after it has worked")


class Unreliable(ThreadingHTTPServer):
    """`worked` has the messages that it took in, by the order they came; `acknowledged` those that it answered by 204.

    What `at_a_message` is to do happens before it answers, `after_it` right after.
    """

    daemon_threads = True

    def __init__(self, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.random = random.Random(seed)
        self.is_reliable = False
        self.secret = ""
        self.worked: list[dict[str, Any]] = []
        self.acknowledged: list[dict[str, Any]] = []
        self.at_a_message: Callable[[], None] | None = None
        self.after_it: Callable[[], None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Those who are killed hang up in the middle."""


class _Handler(BaseHTTPRequestHandler):
    server: Unreliable

    def do_POST(self) -> None:
        server = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        message = Webhook(server.secret).verify(body, {name.lower(): value for name, value in self.headers.items()})
        message["id"] = self.headers["webhook-id"]
        fate = "answers" if server.is_reliable else server.random.choice(FATES)
        if server.at_a_message is not None:
            server.at_a_message()
        if fate == "delays":
            time.sleep(server.random.uniform(0, 0.05))
        if fate in ("fails", "drops"):
            self.close_connection = True
            if fate == "fails":
                self.send_response(server.random.choice((429, 500, 502, 503)))
                self.end_headers()
            return
        server.worked.append(json.loads(json.dumps(message)))
        if fate == "drops after it has worked":
            self.close_connection = True
            return
        server.acknowledged.append(message)
        self.send_response(204)
        self.end_headers()
        if server.after_it is not None:
            self.wfile.flush()
            server.after_it()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The test reads what was worked."""


@contextmanager
def unreliable(seed: int) -> Iterator[Unreliable]:
    server = Unreliable(seed)
    with answering(server):
        yield server
