"""Keeps published answers in memory, in front of Flask, as ready bytes.

It changes no byte of any answer. A view opts in with `keep`; what was asked with a token is never kept, and nothing is
told once the database was written to after it was read. Of many that ask for the same at once, one makes the answer.
While the database does not answer, what was right when it last did is told, with its `Age`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from flask import Response, request

from cms.api import access_log, auth
from cms.api.conditional import matches
from cms.api.parsing import context
from cms.api.plain import Plain, plain_of
from cms.api.traffic import Told
from cms.database.generation import Generation
from cms.model.scopes import ANYONE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from cms.api.gate import Admit

WAIT_S = 10.0
"""How long one waits for the answer that another is making."""
OVERHEAD = 2000
"""About the bytes that an answer takes besides its body."""
KEEP = "cms.keep"
"""In WSGI's environment once the answer may be kept: the route that made it."""

_OF_ONE_REQUEST = ("X-Request-Id", "Server-Timing")
_OF_A_BODY = ("Content-Type", "Content-Length", "Content-Encoding")

Headers = list[tuple[str, str]]


def keep(response: Response) -> Response:
    """Let the answer be kept, if everybody may have it."""
    if auth.actor() == ANYONE and context().settings.public_read:
        request.environ[KEEP] = "" if request.url_rule is None else request.url_rule.rule
    return response


@dataclass(frozen=True, slots=True)
class Kept:
    """One answer; `body` is None while only its entity tag is known, which a 304 told. `bare` are the headers of that,
    `asked` is for the log, `route` for who counts."""

    etag: str
    headers: Headers
    bare: Headers
    body: bytes | None
    asked: str
    route: str


class Memory:
    """At most about `most_bytes` of answers of one generation; those that nobody asks for go first."""

    def __init__(self, most_bytes: int) -> None:
        self._half = most_bytes // 2
        self._generation: int | None = None
        self._young: dict[Plain, Kept] = {}
        self._old: dict[Plain, Kept] = {}
        self._size = 0
        self._lock = threading.Lock()

    def get(self, key: Plain, generation: int) -> Kept | None:
        if generation != self._generation:
            return None
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, generation, found)
        return found

    def put(self, key: Plain, generation: int, kept: Kept) -> None:
        size = len(kept.body or b"") + len(key[0]) + len(key[1]) + OVERHEAD
        if size > self._half // 8:
            return
        with self._lock:
            if generation != self._generation:
                self._generation, self._young, self._old, self._size = generation, {}, {}, 0
            elif self._size + size > self._half:
                self._young, self._old, self._size = {}, self._young, 0
            self._young[key] = kept
            self._size += size


class Cache:
    """The WSGI application in front of another one, to which the gate leads."""

    def __init__(self, app: WSGIApplication, gate: Admit, generation: Generation, told: Told, most_bytes: int) -> None:
        self._app = app
        self._gate = gate
        self._generation = generation
        self._log, self._traffic = told
        self._memory = Memory(most_bytes)
        self._lock = threading.Lock()
        self._under_way: dict[Plain, threading.Event] = {}

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        key = plain_of(environ)
        if key is None:
            return self._gate(self._app, environ, start)
        generation = self._generation.current()
        if generation is None:
            recalled = self._recall(key, environ, start)
            return self._gate(self._app, environ, start) if recalled is None else recalled
        answered = self._answer(key, generation, environ, start)
        return self._gate(partial(self._make, key), environ, start) if answered is None else answered

    def _recall(self, key: Plain, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes] | None:
        last = self._generation.last()
        return last and self._answer(key, last.number, environ, start, ("Age", str(int(last.age_s))))

    def _answer(
        self, key: Plain, generation: int, environ: WSGIEnvironment, start: StartResponse, *more: tuple[str, str]
    ) -> Iterable[bytes] | None:
        """From memory, if it is there; with these headers, too."""
        started = time.perf_counter()
        kept = self._memory.get(key, generation)
        if kept is None:
            return None
        name = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
        method, known = environ["REQUEST_METHOD"], environ.get("HTTP_IF_NONE_MATCH")
        asked = kept.asked if method == "GET" else access_log.asked_of(environ)
        if known is not None and (known == kept.etag or matches(known, kept.etag)):
            start("304 NOT MODIFIED", [*kept.bare, *more, ("X-Request-Id", name)])
            self._log.tell(asked, 304, None, started, name)
            self._traffic.count_kept((method, kept.route, 304))
            return []
        if kept.body is None:
            return None
        start("200 OK", [*kept.headers, *more, ("X-Request-Id", name)])
        self._log.tell(asked, 200, len(kept.body), started, name)
        self._traffic.count_kept((method, kept.route, 200))
        return [] if method == "HEAD" else [kept.body]

    def _make(self, key: Plain, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        generation = self._generation.current()
        if generation is None or environ["REQUEST_METHOD"] == "HEAD":
            return self._app(environ, start)  # an answer without its body is not worth keeping
        # At the gate it may have had to wait while another made it.
        if (answered := self._answer(key, generation, environ, start)) is not None:
            return answered
        with self._lock:
            other = self._under_way.get(key)
            if other is None:
                mine = self._under_way[key] = threading.Event()
        if other is not None:
            other.wait(WAIT_S)
            answered = self._answer(key, generation, environ, start)
            return self._app(environ, start) if answered is None else answered
        try:
            return self._ask(key, generation, environ, start)
        finally:
            with self._lock:
                del self._under_way[key]
            mine.set()

    def _ask(self, key: Plain, generation: int, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        told: list[tuple[str, Headers]] = []

        def note(status: str, headers: Headers, *rest: Any) -> Any:
            told.append((status, headers))
            return start(status, headers, *rest)

        answer = self._app(environ, note)
        if KEEP not in environ:
            return answer
        try:
            body = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        # What was read may be older than what is there by now.
        if self._generation.current() == generation and (kept := _kept(*told[-1], body, environ)):
            self._memory.put(key, generation, kept)
        return [body]


def _kept(status: str, headers: Headers, body: bytes, environ: WSGIEnvironment) -> Kept | None:
    always = [(name, value) for name, value in headers if name not in _OF_ONE_REQUEST]
    etag = dict(headers).get("ETag")
    if etag is None or status[:3] not in ("200", "304"):
        return None
    bare = [(name, value) for name, value in always if name not in _OF_A_BODY]
    asked = access_log.asked_of(environ)
    return Kept(etag, always, bare, body if status[:3] == "200" else None, asked, environ[KEEP])
