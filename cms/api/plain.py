"""Tells requests apart whose answer depends on little: a GET or HEAD by anybody, of what is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cms.api import coding
from cms.api.parsing import is_host

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Plain = tuple[str, str, str]
"""All that the answer depends on: the path and the query as WSGI has them, its parameters in order, and the coding."""

_PATHS = ("/api/v1/articles", "/api/v1/collections", "/api/v1/images")


def plain_of(environ: WSGIEnvironment) -> Plain | None:
    """None when the answer may depend on more."""
    path: str = environ["PATH_INFO"]
    if environ["REQUEST_METHOD"] not in ("GET", "HEAD") or "HTTP_AUTHORIZATION" in environ:
        return None
    if not path.startswith(_PATHS) or not is_host(environ.get("HTTP_HOST", "")):
        return None
    accepted = environ.get("HTTP_ACCEPT", "*/*")
    if accepted not in ("*/*", "application/json") and "text/" in accepted.lower():
        return None  # perhaps an article's file is wanted, in place of its JSON
    query: str = environ.get("QUERY_STRING", "")  # PEP 3333 lets servers leave out an empty one
    if "&" in query:
        query = "&".join(sorted(query.split("&")))
    return path, query, coding.choose(environ.get("HTTP_ACCEPT_ENCODING", "")[:1000])
