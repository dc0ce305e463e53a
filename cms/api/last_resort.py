"""Answers what nothing else has answered: the outermost layer of the WSGI application.

Flask answers the exceptions of its views itself. What is raised beside Flask (in the cache, the gate, the fast path, or
by a library in Rust whose panics are no `Exception`) is answered here, logged and counted like any other request.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from cms.api import access_log, problems
from cms.api.traffic import Told

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("cms.api")


class LastResort:
    """The WSGI application in front of all others."""

    def __init__(self, app: WSGIApplication, told: Told) -> None:
        self._app = app
        self._log, self._traffic = told

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        started = time.perf_counter()
        try:
            answer = self._app(environ, start)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:
            return self._answer(environ, start, started)
        if isinstance(answer, list):
            return answer
        return ClosingIterator(_logged(answer), getattr(answer, "close", None))

    def _answer(self, environ: WSGIEnvironment, start: StartResponse, started: float) -> Iterable[bytes]:
        """Answer 500 to a request whose exception is being handled."""
        name = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
        log.exception("unexpected error", extra={"request_id": name})
        body = json.dumps(problems.body(500, "internal", problems.UNEXPECTED, name)).encode()
        headers = [
            ("Content-Type", problems.MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-Id", name),
        ]
        start("500 INTERNAL SERVER ERROR", headers, sys.exc_info())
        self._traffic.count(environ["REQUEST_METHOD"], None, 500, time.perf_counter() - started)
        self._log.tell(access_log.asked_of(environ), 500, len(body), started, name, None)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _logged(answer: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of an answer; log what is raised on the way, when its status has been sent already."""
    try:
        yield from answer
    except Exception:
        log.exception("an answer broke off")
        raise
