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


def reading_all(admit: Admit, most_bytes: int) -> Admit:
    """The same, and no request is answered before its end has come, unless that is said to be beyond `most_bytes`."""

    def to_the_end(app: WSGIApplication, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        answer = admit(app, environ, start)
        if 0 < int(environ.get("CONTENT_LENGTH") or 0) <= most_bytes:
            while environ["wsgi.input"].read(PIECE):
                pass
        return answer

    return to_the_end
