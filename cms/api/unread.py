"""Reads what a request sent and nobody wanted: nginx makes a 502 of an answer that comes before the request's end.

For behind a proxy alone, which has all of a request before it sends any; anybody else might keep us here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from cms.api.gate import Admit

PIECE = 256 * 1024


def reading_all(admit: Admit) -> Admit:
    """The same, and no request is answered before its end has come."""

    def to_the_end(app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        answer = admit(app, environ, start)
        if environ.get("CONTENT_LENGTH", "0") != "0":
            while environ["wsgi.input"].read(PIECE):
                pass
        return answer

    return to_the_end
