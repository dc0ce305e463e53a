"""Lets few requests at once into the application, and some more wait for that; beyond these, answers 503 at once.

What watches the service has a door of its own. Answers from memory do not come by here, and photos, of which a page
asks for many at once and each is soon told, go past. A server needs more threads than there are places, else nobody is
there to refuse.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from cms.api import access_log, problems
from cms.api.access_log import AccessLog
from cms.api.traffic import Traffic

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Admit = Callable[[WSGIApplication, WSGIEnvironment, StartResponse], Iterable[bytes]]

AT_ONCE = 4
"""More of them wait for Python's lock and for the database."""
WAITING = 24
WAIT_S = 5.0
RETRY_AFTER_S = 2

PHOTOS = "/media/"
WATCHING = ("/healthz", "/readyz", "/metrics")
WATCHING_AT_ONCE = 2
WATCHING_WAITING = 2


class Gate:
    """Takes the application with each request, since there is more than one way in."""

    def __init__(self, log: AccessLog, traffic: Traffic) -> None:
        self._log = log
        self._traffic = traffic
        self._door = _Door(AT_ONCE, WAITING)
        self._watching = _Door(WATCHING_AT_ONCE, WATCHING_WAITING)

    def __call__(self, app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PHOTOS):
            return app(environ, start)
        door = self._watching if environ["PATH_INFO"] in WATCHING else self._door
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
    """Who wants in takes a place first, then a key; queues hand these over at less cost than semaphores do."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._places: SimpleQueue[None] = SimpleQueue()
        self._keys: SimpleQueue[None] = SimpleQueue()
        for _ in range(at_once + waiting):
            self._places.put(None)
        for _ in range(at_once):
            self._keys.put(None)

    def enter(self) -> bool:
        """Whether it could be entered; each who did has to leave."""
        try:
            self._places.get_nowait()
        except Empty:
            return False
        try:
            self._keys.get(timeout=WAIT_S)
        except Empty:
            self._places.put(None)
            return False
        return True

    def leave(self) -> None:
        self._keys.put(None)
        self._places.put(None)
