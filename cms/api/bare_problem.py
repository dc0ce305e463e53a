"""Answers a request with a problem where Flask does not: before it, or when it has failed."""

from __future__ import annotations

import json
import sys
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from cms.api import access_log, problems
from cms.api.access_log import AccessLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def answer(
    environ: WSGIEnvironment,
    start: StartResponse,
    log: AccessLog,
    problem: tuple[HTTPStatus, str, str],
    *more: tuple[str, str],
) -> list[bytes]:
    """Answer with a problem, given as status, code and detail, and with these headers, too; write the access log.

    While an exception is being handled, the answer takes the place of one that has been started.
    """
    started = time.perf_counter()
    status, code, detail = problem
    name = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
    body = json.dumps(problems.body(status, code, detail, name)).encode()
    headers = [
        ("Content-Type", problems.MEDIA_TYPE),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Request-Id", name),
        *more,
    ]
    error = sys.exc_info()
    start(f"{status.value} {status.phrase.upper()}", headers, *([error] if error[1] is not None else []))
    log.tell(access_log.asked_of(environ), status, len(body), started, name, None)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
