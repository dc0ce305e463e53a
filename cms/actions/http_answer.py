"""Reads the answer to a POST from a connection: its final status, its headers, and a bounded part of its body."""

from __future__ import annotations

import io
import socket
from contextlib import suppress
from http import HTTPStatus
from http.client import BadStatusLine, HTTPException, HTTPResponse, RemoteDisconnected, UnknownProtocol
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BODY_BYTES = 65_536
MOST_BYTES = 2 * BODY_BYTES
"""Of an answer with its interim answers, headers and chunk sizes."""


def read_head(line: socket.socket) -> HTTPResponse:
    """Return the answer with its headers, past all interim answers (RFC 9110, 15.2), of which http.client skips only
    100; raise `HTTPException` or `OSError` when no whole head comes.

    101 is final: it would switch to a protocol that was not asked for.
    """
    wire = _Wire(line)
    answer = HTTPResponse(wire, method="POST")  # type: ignore[arg-type]  # `makefile` is all that it calls
    answer.begin()
    while 100 <= answer.status < 200 and answer.status != HTTPStatus.SWITCHING_PROTOCOLS:
        answer.headers = None  # type: ignore[assignment]  # else `begin` does nothing
        answer.begin()
    if wire.is_over:
        raise RemoteDisconnected("the answer ended in the middle of its headers")
    return answer


def read_beginning(answer: HTTPResponse) -> bytes:
    """Return at most `BODY_BYTES` of the body; that it breaks off does not matter, for the status is known."""
    read = b""
    with suppress(HTTPException, OSError, ValueError):
        while len(read) < BODY_BYTES and (piece := answer.read1(BODY_BYTES - len(read))):
            read += piece
    return read


def reason(error: Exception) -> str:
    """Return what the error says, in printable characters: it may quote what the other side sent."""
    said = "".join(one if one.isprintable() else "\ufffd" for one in str(error).strip())
    is_quoted = isinstance(error, (BadStatusLine, UnknownProtocol)) and not isinstance(error, ConnectionError)
    return f"the answer is no HTTP/1: {said}" if is_quoted else said


class _Wire(io.RawIOBase):
    """Reads at most `MOST_BYTES` from a connection; `is_over` once the other side has closed it."""

    def __init__(self, line: socket.socket) -> None:
        self._line, self._left, self.is_over = line, MOST_BYTES, False

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if not self._left:
            raise HTTPException(f"the answer has more than {MOST_BYTES} bytes")
        with memoryview(buffer)[: self._left] as room:
            size = self._line.recv_into(room)
        self._left -= size
        self.is_over = not size
        return size
