"""Answers what nothing else has answered: the outermost layer of the WSGI application.

Flask answers the exceptions of its views itself. What is raised beside Flask (in the cache, the gate, the fast path, or
by a library in Rust whose panics are no `Exception`) is answered here, logged and counted like any other request.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.wsgi import ClosingIterator

from cms.api import access_log, bare_problem, problems
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
        name = environ["HTTP_X_REQUEST_ID"] = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
        log.exception("unexpected error", extra={"request_id": name})
        self._traffic.count(environ["REQUEST_METHOD"], None, 500, time.perf_counter() - started)
        problem = HTTPStatus.INTERNAL_SERVER_ERROR, "internal", problems.UNEXPECTED
        return bare_problem.answer(environ, start, self._log, problem)


def _logged(answer: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts of an answer; log what is raised on the way, when its status has been sent already."""
    try:
        yield from answer
    except (GeneratorExit, KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        log.exception("an answer broke off")
        raise
