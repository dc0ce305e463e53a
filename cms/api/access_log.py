"""The access log: one JSON object a line and request.

A line costs a few microseconds, as a request that is answered from memory does; so lines are gathered, and written when
they fill a piece that a pipe takes whole, and at the latest `EVERY_S` after the first of them.
"""

from __future__ import annotations

import json
import random
import re
import sys
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from cms.clock import machine_time
from cms.model.scopes import ANYONE

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

NAME = "access_log"
"""Under which it stands among the application's extensions."""
PIECE = 4096
EVERY_S = 1.0

_SECRET = re.compile(r"(?<=/previews)/.*", re.DOTALL)
"""In a path: what opens a preview, which no log is to have."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(given: str | None) -> str:
    """What the client calls its request, or else a name for it."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"{random.getrandbits(128):032x}"


class AccessLog:
    """Gathers lines; `write` takes bytes that are whole lines, from one thread at a time."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._lock = threading.Lock()
        self._lines: list[str] = []
        self._size = 0
        self._second = (0, "")
        self._timer: threading.Timer | None = None

    def tell(
        self,
        asked: str,
        status: int,
        size: int | None,
        started: float,
        request_id: str,
        actor: str | None = ANYONE.name,
    ) -> None:
        """Of a request that began at `started` (of `time.perf_counter`), `asked` being what it asked for."""
        took = (time.perf_counter() - started) * 1000
        line = (
            f'{{"time":"{self._now()}","levelname":"INFO","name":"cms.access","message":"request",{asked},'
            f'"status":{status},"bytes":{"null" if size is None else size},"duration_ms":{took:.2f},'
            f'"request_id":"{request_id}","actor":{_written(actor)}}}\n'
        )
        with self._lock:
            if self._size + len(line) > PIECE:
                self._send()
            self._lines.append(line)
            self._size += len(line)
            if self._timer is None:
                self._timer = threading.Timer(EVERY_S, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write what is there."""
        with self._lock:
            self._timer = None
            self._send()

    def _send(self) -> None:
        if self._lines:
            self._write("".join(self._lines).encode())
        self._lines, self._size = [], 0

    def _now(self) -> str:
        now = machine_time()
        second, text = self._second
        if int(now) != second:
            second, text = int(now), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
            self._second = second, text
        return f"{text}.{int((now - second) * 1000):03}Z"


@lru_cache(maxsize=256)
def _written(actor: str | None) -> str:
    return json.dumps(actor)


def asked_for(method: str, path: str) -> str:
    """The part of a line that is the same whenever the same is asked for."""
    return f'"method":{json.dumps(method)},"path":{json.dumps(_SECRET.sub("/…", path))}'


def asked_of(environ: WSGIEnvironment) -> str:
    """The same of a request that is not Flask's yet."""
    path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    return asked_for(environ["REQUEST_METHOD"], path)


def to_standard_error() -> AccessLog:
    """A log whose last lines are written when the process ends."""

    def write(data: bytes) -> None:
        sys.stderr.buffer.write(data)
        sys.stderr.buffer.flush()

    log = AccessLog(write)
    Finalize(None, log.flush, exitpriority=0)  # the server forks its processes, in which `atexit` does nothing
    return log
