"""Clients that read one article without pause, each in a process of its own, and note what they were told and when."""

from __future__ import annotations

import multiprocessing
import re
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.sharedctypes import SynchronizedArray
from typing import NamedTuple

FORKS = multiprocessing.get_context("forkserver")
HIDDEN = -1
_NUMBER = re.compile(rb'"title":"Save (\d+)"')
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Read(NamedTuple):
    """One answer: the number in the article's title, or `HIDDEN` for a 404, between two moments of one clock."""

    number: int
    began: float
    ended: float


class Connection:
    """A connection that stays open for requests of one path, which nobody in particular makes."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 60)
        self._request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        self._rest = b""

    def read(self) -> Read:
        began = time.monotonic()
        self._socket.sendall(self._request)
        head, body = self._answer()
        ended = time.monotonic()
        if head.startswith(b"HTTP/1.1 404"):
            return Read(HIDDEN, began, ended)
        found = _NUMBER.search(body)
        assert head.startswith(b"HTTP/1.1 200"), head
        assert found, body
        return Read(int(found[1]), began, ended)

    def _answer(self) -> tuple[bytes, bytes]:
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length, head
        while len(self._rest) < int(length[1]):
            self._receive()
        body, self._rest = self._rest[: int(length[1])], self._rest[int(length[1]) :]
        return head, body

    def _receive(self) -> None:
        part = self._socket.recv(1 << 16)
        assert part, "the server closed the connection"
        self._rest += part

    def close(self) -> None:
        self._socket.close()


class Readers:
    """The running clients; `reads` are what they were told, once they have ended."""

    def __init__(self, counts: SynchronizedArray[int]) -> None:
        self._counts = counts
        self.reads: list[Read] = []

    def wait_for_more(self, number: int) -> None:
        """Return once so many more reads have been answered."""
        deadline, wanted = time.monotonic() + 300, sum(self._counts[:]) + number
        while sum(self._counts[:]) < wanted:
            assert time.monotonic() < deadline, "the readers stand still"
            time.sleep(0.001)


@contextmanager
def reading(port: int, path: str, clients: int) -> Iterator[Readers]:
    """Read with so many clients for as long as the block."""
    counts, stop, results = FORKS.Array("L", clients), FORKS.Event(), FORKS.SimpleQueue()
    processes = [FORKS.Process(target=_read, args=(n, port, path, counts, stop, results)) for n in range(clients)]
    for process in processes:
        process.start()
    readers = Readers(counts)
    try:
        yield readers
    finally:
        stop.set()
        for process in processes:
            if process.is_alive() or process.exitcode == 0:
                readers.reads += results.get()
        for process in processes:
            process.join()


def _read(number: int, port: int, path: str, counts: SynchronizedArray[int], stop: object, results: object) -> None:
    connection, found = Connection(port, path), []
    try:
        while not stop.is_set():  # type: ignore[attr-defined]
            found.append(connection.read())
            counts[number] += 1
    finally:
        results.put(found)  # type: ignore[attr-defined]
        connection.close()


def went_back(reads: Sequence[Read]) -> int:
    """How many tell a lower number than one that had ended before they began."""
    highest, done, wrong = -2, 0, 0
    ended = sorted(reads, key=lambda read: read.ended)
    for read in sorted(reads, key=lambda read: read.began):
        while done < len(ended) and ended[done].ended < read.began:
            highest = max(highest, ended[done].number)
            done += 1
        wrong += read.number < highest
    return wrong
