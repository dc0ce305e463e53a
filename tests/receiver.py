"""A real receiver of webhooks, on loopback."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import answering


class Receiver(ThreadingHTTPServer):
    """A real receiver that answers with the statuses it is told, then with 204; with `headers`, and with `body` where
    there may be one. What `meanwhile` is to do happens before it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.headers: dict[str, str] = {}
        self.body = b""
        self.meanwhile: Callable[[], None] | None = None
        self.messages: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?site=x"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/hook?site=x"
        self.server.messages.append(({name.lower(): value for name, value in self.headers.items()}, body))
        if self.server.meanwhile is not None:
            self.server.meanwhile()
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if status != 204:
            self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The test reads the messages, not a log."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    server = Receiver()
    with answering(server):
        yield server


@contextmanager
def speaking(speak: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that says what `speak` makes it say to each who connects; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):
                        speak(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def hear(connection: socket.socket) -> bytes:
    """All of one POST: who closes before it has read everything breaks the connection."""
    heard = b""
    while part := connection.recv(65536):
        heard += part
        head, _, body = heard.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if length and len(body) >= int(length[1]):
            break
    return heard
