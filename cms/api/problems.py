"""Answers every error as `application/problem+json` (RFC 9457): one table, one shape."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException

from cms import errors
from cms.errors import CmsError, Problem

log = logging.getLogger("cms.api")

MEDIA_TYPE = "application/problem+json"
MOST_TOLD = 100
"""Of what is wrong with one request: a small one with much wrong is not to have a large answer."""

UNEXPECTED = "Something went wrong here; the log has the details under this request id."

STATUS: dict[type[CmsError], int] = {
    errors.Malformed: 400,
    errors.NotAuthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Exists: 409,
    errors.InUse: 409,
    errors.Referenced: 409,
    errors.NotReady: 409,
    errors.Gone: 410,
    errors.Moved: 410,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.UnsupportedType: 415,
    errors.Invalid: 422,
    errors.VersionRequired: 428,
    errors.TooMany: 429,
    errors.NotOffered: 501,
    errors.Unavailable: 503,
    errors.Full: 507,
}


def register(app: Flask) -> None:
    app.register_error_handler(CmsError, _answer_cms_error)
    app.register_error_handler(OSError, _answer_os_error)
    app.register_error_handler(Exception, _answer_unexpected)


def set_location(location: str) -> None:
    """Say whether the pointers of an error to come lead into the `query` or the `body`."""
    g.pointer_location = location


def _answer_cms_error(error: CmsError) -> Response:
    status = STATUS[type(error)]
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if error.problems:
        location = g.get("pointer_location", "body")
        told = error.problems[:MOST_TOLD]
        if len(told) < len(error.problems):
            rest = len(error.problems) - len(told)
            told = (*told, Problem("", f"and {rest} more, which are not listed", "more"))
        more["errors"] = [{"pointer": p.pointer, "in": location, "detail": p.detail, "code": p.code} for p in told]
    more |= _members(error)
    if isinstance(error, errors.NotAuthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="cms"'
    if isinstance(error, (errors.Unavailable, errors.NotReady, errors.TooMany)) and error.retry_after_s is not None:
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, errors.Unavailable) and not error.note():
        log.warning("%s: %s", error.code, error.detail, exc_info=error.__cause__)
    return answer(status, error.code, error.detail, headers, **more)


def _members(error: CmsError) -> dict[str, Any]:
    """Return what only errors of that class tell."""
    found: dict[str, Any] = {}
    if isinstance(error, errors.Stale):
        found["current_version"] = error.current
        if error.changed is not None:
            found["changed"] = list(error.changed)
    if isinstance(error, errors.Moved):
        found["moved_to"] = error.moved_to
    if isinstance(error, errors.InUse):
        found["used_by"] = list(error.used_by)
    if isinstance(error, errors.Referenced):
        found |= {"references": [asdict(place) for place in error.places], "total": error.total}
    return found


def _answer_os_error(error: OSError) -> Response:
    """The machine has no more of something, or a disk fails: whatever was under way, it may be tried again."""
    if error.errno not in errors.OF_THE_MACHINE:
        return _answer_unexpected(error)
    # Names of temporary files differ each time: by its folder, an outage is told once.
    is_path = isinstance(error.filename, (str, bytes))
    path = Path(os.fsdecode(error.filename)).parent if is_path else "this process"
    refusal = errors.of_system(error, "The service's disk", path)
    refusal.__cause__ = error
    return _answer_cms_error(refusal)


def answer_http_exception(error: HTTPException) -> Response:
    """What Flask and Werkzeug raise themselves: no such route, method not allowed, body too large."""
    status = HTTPStatus(error.code or 500)
    kept = ("Allow", "Retry-After")
    headers = {name: value for name, value in error.get_headers() if name in kept}
    return answer(status.value, status.name.lower(), error.description or status.phrase, headers)


def _answer_unexpected(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return answer_http_exception(error)
    log.error("unexpected error", exc_info=error, extra={"request_id": g.get("request_id")})
    return answer(500, "internal", UNEXPECTED, {})


def answer(status: int, code: str, detail: str, headers: dict[str, str], **more: Any) -> Response:
    told = body(status, code, detail, g.get("request_id"), **more)
    # A pointer may hold half a character that the client sent.
    text = json.dumps(told, ensure_ascii=False).encode(errors="replace")
    response = Response(text, status, content_type=MEDIA_TYPE, headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def body(status: int, code: str, detail: str, request_id: str | None, **more: Any) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
        **more,
    }
