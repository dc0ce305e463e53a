"""Requests as bytes, for what no client would send."""

from __future__ import annotations

import re
import socket
from typing import NamedTuple

CLOSE = b"Connection: close\r\n"


class Answers(NamedTuple):
    """All that came back, until the server closed the connection: the statuses, and every byte."""

    statuses: list[int]
    text: bytes

    def header(self, name: str) -> list[bytes]:
        """All values of the header, in all answers."""
        return re.findall(rb"^" + name.encode() + rb": ([^\r\n]*)", self.text, re.MULTILINE | re.IGNORECASE)


def ask(port: int, data: bytes) -> Answers:
    """Send it, and read until the server closes the connection, which it must."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(data)
            while part := connection.recv(1 << 16):
                found += part
        except (ConnectionResetError, BrokenPipeError):
            pass  # it was closed before all had been read
    return Answers([int(status) for status in re.findall(rb"^HTTP/1\.[01] (\d{3})", found, re.MULTILINE)], found)


def request(target: bytes, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """A request after whose answer the connection is closed; it says nothing of a body that is not there."""
    own = [b"Connection: close"]
    if not any(header.lower().startswith(b"host") for header in headers):
        own.append(b"Host: 127.0.0.1")
    if body:
        own.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([method + b" " + target + b" HTTP/1.1", *own, *headers, b"", body])
