"""Lets few requests at once into the application; beyond these, answers 503.

A crowd that is soon served is no overload: who finds no place waits for a moment before it is refused, unless another
was refused just before.

What watches the service has a door of its own, and so have readers of articles, whom no editors keep out, nor they
them. Answers from memory do not come by here, and photos, of which a page asks for many at once and each is soon told,
go past. A server needs one thread more than may be inside, else nobody is there to refuse; any more of them make
answers from memory cost more, since all wait for Python's lock.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from cms.api import access_log, problems
from cms.api.fast_path import LIST
from cms.api.traffic import Told

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Admit = Callable[[WSGIApplication, WSGIEnvironment, StartResponse], Iterable[bytes]]

AT_ONCE = 3
"""More of them wait for Python's lock and for the database."""
READING_AT_ONCE = 1
"""Each gives up Python's lock at every statement: several that wait for it cost twice as much as one after the other.
A search of a large site takes longer, in SQLite alone, and is not among them."""
WATCHING_AT_ONCE = 2
MOMENT_S = 1.0
CALM_S = 1.0
"""After so long without a refusal, somebody is waited for again."""
RETRY_AFTER_S = 2

PHOTOS = "/media/"
WATCHING = ("/healthz", "/readyz", "/metrics")


class Gate:
    """Takes the application with each request, since there is more than one way in."""

    def __init__(self, told: Told) -> None:
        self._log, self._traffic = told
        self._door = _Door(AT_ONCE)
        self._watching = _Door(WATCHING_AT_ONCE)
        self._reading = _Door(READING_AT_ONCE)

    def __call__(self, app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PHOTOS):
            return app(environ, start)
        door = self._door_of(environ)
        if not door.enter():
            return self._refuse(environ, start)
        try:
            answer = app(environ, start)
        except BaseException:
            door.leave()
            raise
        if isinstance(answer, list):
            door.leave()
            return answer
        return ClosingIterator(answer, door.leave)

    def _door_of(self, environ: WSGIEnvironment) -> _Door:
        path = environ["PATH_INFO"]
        if path in WATCHING:
            return self._watching
        is_reading = environ["REQUEST_METHOD"] == "GET" and "HTTP_AUTHORIZATION" not in environ
        is_soon_told = path.startswith(LIST) and "q=" not in environ["QUERY_STRING"]
        return self._reading if is_reading and is_soon_told else self._door

    def _refuse(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self._traffic.count_refused()
        started = time.perf_counter()
        name = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
        detail = "There are more requests just now than can be answered; nothing was done. Try again after Retry-After."
        body = json.dumps(problems.body(503, "overloaded", detail, name)).encode()
        headers = {
            "Content-Type": problems.MEDIA_TYPE,
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "Retry-After": str(RETRY_AFTER_S),
            "X-Content-Type-Options": "nosniff",
            "X-Request-Id": name,
        }
        start("503 SERVICE UNAVAILABLE", list(headers.items()))
        self._log.tell(access_log.asked_of(environ), 503, len(body), started, name, None)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


class _Door:
    """A queue of keys, which hands them over at less cost than a semaphore does."""

    def __init__(self, at_once: int) -> None:
        self._keys: SimpleQueue[None] = SimpleQueue()
        for _ in range(at_once):
            self._keys.put(None)
        self._refused = -CALM_S

    def enter(self) -> bool:
        """Whether it could be entered; each who did has to leave."""
        is_calm = time.monotonic() - self._refused > CALM_S
        try:
            self._keys.get(timeout=MOMENT_S if is_calm else 0)
        except Empty:
            self._refused = time.monotonic()
            return False
        return True

    def leave(self) -> None:
        self._keys.put(None)
