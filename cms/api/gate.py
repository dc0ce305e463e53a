"""Bounds how many requests are inside the application at once, and answers 503 to the others.

A request that finds no free place waits for `MOMENT_S`, so that a short burst is served whole. After a refusal nobody
waits for `CALM_S`.

Each kind of request has places of its own, so that none of them takes those of another:
- what watches the service (`WATCHING`);
- GET requests for articles without a token, whom editors are not to keep out, nor they the editors;
- searches, each of which may take a second;
- requests with a long text: they take a place among `LONG_AT_ONCE`, and then one among all editors, to whom they leave
  at least one free.

Photos pass without a place: a page asks for many at once, and each is soon answered. Answers from memory do not come
here. A server needs one thread more than there are places, so that one is free to refuse. Each further thread makes
answers from memory slower, since all of them wait for Python's lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore
from typing import TYPE_CHECKING
from urllib.parse import unquote

from werkzeug.wsgi import ClosingIterator

from cms.api import bare_problem
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
SEARCHING_AT_ONCE = 1
SEARCHES_WAITING = 1
LONG_AT_ONCE = AT_ONCE - 1
LONG_WAITING = 1
LONG_BYTES = 16_384
"""A request with a longer text may take up to a second of the processor."""
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
        self._searching = _Door(SEARCHING_AT_ONCE, SEARCHES_WAITING)
        self._long = _Door(LONG_AT_ONCE, LONG_WAITING)

    def __call__(self, app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith(PHOTOS):
            return app(environ, start)
        if not _is_long(environ):
            return self._through(self._door_of(environ), app, environ, start)
        return self._through(self._long, partial(self._through, self._door, app), environ, start)

    def _through(
        self, door: _Door, app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse
    ) -> Iterable[bytes]:
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
        if path.rstrip("/") == LIST and "q=" in unquote(environ.get("QUERY_STRING", "")):
            return self._searching
        is_reading = environ["REQUEST_METHOD"] == "GET" and "HTTP_AUTHORIZATION" not in environ
        return self._reading if is_reading and path.startswith(LIST) else self._door

    def _refuse(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        self._traffic.count_refused()
        detail = "There are more requests just now than can be answered; nothing was done. Try again after Retry-After."
        problem = HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail
        return bare_problem.answer(environ, start, self._log, problem, ("Retry-After", str(RETRY_AFTER_S)))


def _is_long(environ: WSGIEnvironment) -> bool:
    """Return whether the request sends a long text; photos are worked on elsewhere."""
    length = environ.get("CONTENT_LENGTH") or "0"
    is_long = length.isdecimal() and int(length[:20]) > LONG_BYTES
    return is_long and not environ.get("CONTENT_TYPE", "").startswith("multipart/")


class _Door:
    """A queue of keys, which hands them over at less cost than a semaphore does; `waiting` bounds who waits for one."""

    def __init__(self, at_once: int, waiting: int | None = None) -> None:
        self._keys: SimpleQueue[None] = SimpleQueue()
        self._places = None if waiting is None else BoundedSemaphore(at_once + waiting)
        for _ in range(at_once):
            self._keys.put(None)
        self._refused = -CALM_S

    def enter(self) -> bool:
        """Whether it could be entered; each who did has to leave."""
        if self._places is not None and not self._places.acquire(blocking=False):
            return False
        is_calm = time.monotonic() - self._refused > CALM_S
        try:
            self._keys.get(timeout=MOMENT_S if is_calm else 0)
        except Empty:
            self._refused = time.monotonic()
            if self._places is not None:
                self._places.release()
            return False
        return True

    def leave(self) -> None:
        self._keys.put(None)
        if self._places is not None:
            self._places.release()
