"""Answers plain GETs of published articles, and of lists of them, without Flask, which takes longer than all the rest.

It changes no byte: the routes' own functions make the text, and whatever is not plain, or not there, or goes wrong, is
left to Flask.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from marshmallow import RAISE, ValidationError

from cms.api import access_log, coding, headers
from cms.api.article_json import json_of
from cms.api.conditional import etag_of, matches, weak_etag_of
from cms.api.listing import page_of
from cms.api.plain import KEEP, Told, plain_of
from cms.api.schemas.articles import ArticleQuery
from cms.api.wanted import Asker
from cms.context import Context
from cms.database import statements
from cms.database.engine import read
from cms.errors import CmsError
from cms.model.ids import Name
from cms.model.scopes import ANYONE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIST = "/api/v1/articles"
ARTICLE = "/api/v1/articles/<collection>/<path:article_id>"
_QUERY = ArticleQuery()


class _Found(NamedTuple):
    """What is to be told: the text, its entity tag, what it varies by, and the route that would have told it."""

    data: bytes
    etag: str
    vary: str
    route: str


class FastPath:
    """The WSGI application in front of Flask's."""

    def __init__(self, app: WSGIApplication, ctx: Context, told: Told) -> None:
        self._app = app
        self._ctx = ctx
        self._asker = Asker(ANYONE, ctx.settings.limits)
        self._log, self._traffic = told

    def __call__(self, environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        plain = plain_of(environ) if environ["REQUEST_METHOD"] == "GET" else None
        if plain is None:
            return self._app(environ, start)
        started, asked = time.perf_counter(), statements.count()
        path, query, chosen = plain
        try:
            found = self._find(path, query)
        except (CmsError, OSError):
            found = None  # Flask asks again, and tells what is wrong
        if found is None:
            return self._app(environ, start)
        name = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
        data = b"" if matches(environ.get("HTTP_IF_NONE_MATCH", ""), found.etag) else coding.coded(chosen, found.data)
        status = 200 if data else 304
        environ[KEEP] = found.route
        timing = headers.timing(asked, started)
        start("200 OK" if data else "304 NOT MODIFIED", _headers(found, data, chosen, name, timing))
        self._traffic.count("GET", found.route, status, time.perf_counter() - started)
        self._log.tell(access_log.asked_of(environ), status, len(data) if data else None, started, name)
        return [data] if data else []

    def _find(self, path: str, query: str) -> _Found | None:
        if path == LIST:
            loaded = _load(query) if len(query) <= self._asker.limits.query_bytes else None
            if loaded is None:
                return None
            with read(self._ctx.database) as tx:
                data = page_of(tx, self._asker, loaded).encode()
            return _Found(data, weak_etag_of(data), headers.VARY, LIST)
        start, _, rest = path.partition(f"{LIST}/")
        collection, _, article_id = rest.partition("/")
        if start or query or not article_id:
            return None
        try:
            name = Name(*(part.encode("latin-1").decode() for part in (collection, article_id)))
        except UnicodeDecodeError:
            return None
        with read(self._ctx.database) as tx:
            text, version = json_of(self._ctx, tx, ANYONE, name)
        data = text.encode()
        return _Found(data, etag_of(version, data), headers.OF_AN_ARTICLE, ARTICLE)


def _headers(found: _Found, data: bytes, chosen: str, name: str, timing: str) -> list[tuple[str, str]]:
    of_body = [("Content-Type", "application/json"), ("Content-Length", str(len(data)))] if data else []
    coded = [("Content-Encoding", chosen)] if data and chosen else []
    return [
        *of_body,
        ("ETag", coding.coded_tag(found.etag, chosen)),
        ("Vary", f"{found.vary}, Accept-Encoding"),
        ("Cache-Control", headers.REVALIDATED),
        *coded,
        ("X-Request-Id", name),
        ("Server-Timing", timing),
        *headers.SECURITY.items(),
        ("Content-Security-Policy", headers.POLICY),
    ]


@lru_cache(maxsize=256)
def _load(query: str) -> dict[str, Any] | None:
    """What the query asks for, which nobody may change; None when it cannot be read."""
    try:
        given = parse_qsl(query.encode("latin-1").decode(), keep_blank_values=True, errors="strict")
        loaded: dict[str, Any] = _QUERY.load(dict(given), unknown=RAISE)
    except (ValueError, ValidationError):
        return None
    return loaded if len(dict(given)) == len(given) else None
