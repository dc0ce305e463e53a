"""A proxy in front of a server, that fails the first connections in the way a test asks for."""

from __future__ import annotations

import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

import pytest
from botocore.config import Config

from cms.context import Context
from cms.store import s3_client
from tests.conftest import close, make_context

Fault = Literal["slow down", "cut", "lost answer", "stall", "trickle", "hold", "outage", "late"]

_REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) ([^ ]+) HTTP/1\.1\r\n")

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"


@dataclass
class Proxy:
    """`fault` befalls so many connections as `left` says; `met` counts them. After `cut_after` bytes an answer ends.

    `asked` holds the method of each request, in the order in which they came, `put` the path of each PUT.

    "hold" befalls PUT requests instead, and lets `spared` of them pass first: after `cut_after` bytes of a request the
    server gets no more of it. "outage" ends every connection, once `spared` more requests have been made.
    "late" befalls requests that begin with one of `late`: they wait until the test has `released` them.
    """

    upstream: tuple[str, int]
    listener: socket.socket
    fault: Fault = "stall"
    left: int = 0
    cut_after: int = 2000
    spared: int = 0
    met: int = 0
    late: tuple[bytes, ...] = (b"PUT ", b"DELETE ")
    asked: list[str] = field(default_factory=list)
    put: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        while not self.ended.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def _one(self, client: socket.socket) -> None:
        is_faulty = self.left > 0 and self.fault not in ("hold", "outage", "late")
        self.left -= is_faulty
        self.met += is_faulty
        with client, suppress(OSError):
            if is_faulty and self.fault == "stall":
                self.ended.wait()
            elif is_faulty and self.fault == "slow down":
                client.recv(65536)
                head = f"HTTP/1.1 503 Slow Down\r\nContent-Length: {len(SLOW_DOWN)}\r\nConnection: close\r\n\r\n"
                client.sendall(head.encode() + SLOW_DOWN)
            else:
                self._forward(client, self.fault if is_faulty else None)

    def _forward(self, client: socket.socket, fault: Fault | None) -> None:
        with socket.create_connection(self.upstream) as server:
            threading.Thread(target=self._send_on, args=(client, server), daemon=True).start()
            sent = 0
            while data := server.recv(1 if fault == "trickle" else 65536):
                if fault == "lost answer" and b" 100 " not in data[:20]:
                    return
                if fault == "cut" and sent + len(data) > self.cut_after:
                    client.sendall(data[: self.cut_after - sent])
                    return
                if fault == "trickle" and sent > self.cut_after:
                    time.sleep(0.05)
                client.sendall(data)
                sent += len(data)

    def _send_on(self, client: socket.socket, server: socket.socket) -> None:
        room = sys.maxsize
        with suppress(OSError):
            while data := client.recv(65536):
                if found := _REQUEST.match(data):
                    if self._is_out():
                        break
                    self.asked.append(found[1].decode())
                    self.put += [found[2].decode()] if found[1] == b"PUT" else []
                if self.fault == "late" and self.left > 0 and data.startswith(self.late):
                    self.left -= 1
                    self.met += 1
                    self.released.wait()
                if data.startswith(b"PUT "):
                    room = self._room()
                server.sendall(data[:room])
                self.met += room > 0 and room <= len(data)
                room = max(0, room - len(data))
            server.shutdown(socket.SHUT_WR)

    def _is_out(self) -> bool:
        """Whether the server is not to be had for the request that begins."""
        if self.fault != "outage" or self.left == 0:
            return False
        self.spared -= 1
        self.met += self.spared < 0
        return self.spared < 0

    def _room(self) -> int:
        """How many bytes of the PUT request that begins may pass."""
        if self.fault != "hold" or self.left == 0:
            return sys.maxsize
        if self.spared > 0:
            self.spared -= 1
            return sys.maxsize
        self.left -= 1
        return self.cut_after


@contextmanager
def faulty(url: str) -> Iterator[Proxy]:
    """A proxy for the server at the URL, without a fault so far."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy((host, int(port)), listener)
        threading.Thread(target=proxy.serve, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.ended.set()
            listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def node_behind(proxy: Proxy, ctx: Context, attempts: int = 1) -> Iterator[Context]:
    """Another machine, which reaches the site's bucket by the proxy, and asks no more often than that."""
    once = s3_client.PORTABLE.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(s3_client, "PORTABLE", once)
        patched.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        made = make_context(ctx.settings)
        try:
            yield made
        finally:
            proxy.released.set()
            close(made)
