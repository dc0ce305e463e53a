"""Answers plain GETs of published articles, and of lists of them, without Flask, which takes longer than all the rest.

It changes no byte: the routes' own functions make the text, and whatever is not plain, or not there, or goes wrong, is
left to Flask.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from marshmallow import RAISE, ValidationError

from cms.api import access_log, coding, headers
from cms.api.article_json import json_of
from cms.api.cache import KEEP
from cms.api.conditional import etag_of, matches
from cms.api.listing import page_of
from cms.api.plain import plain_of
from cms.api.schemas.articles import ArticleQuery
from cms.api.traffic import Told
from cms.api.wanted import Asker
from cms.context import Context
from cms.database import statements
from cms.database.engine import read
from cms.errors import CmsError
from cms.model.ids import Name
from cms.model.scopes import ANYONE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger("cms.api")

LIST = "/api/v1/articles"
ARTICLE = "/api/v1/articles/<collection>/<path:article_id>"
_QUERY = ArticleQuery()
_STATUS = {200: "200 OK", 304: "304 NOT MODIFIED"}


class _Found(NamedTuple):
    """What is to be told: the text, its version if it has one, what it varies by, and the route that would have told
    it."""

    data: bytes
    version: str | None
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
        except Exception as error:
            level = logging.DEBUG if isinstance(error, CmsError) else logging.WARNING
            log.log(level, "the fast path cannot answer", exc_info=True)
            found = None  # Flask asks again, and says what is wrong
        if found is None:
            return self._app(environ, start)
        etag = etag_of(found.version, found.data)
        is_known = matches(environ.get("HTTP_IF_NONE_MATCH", ""), etag)
        body = None if is_known else coding.coded(chosen, found.data)
        name = access_log.request_id(environ.get("HTTP_X_REQUEST_ID"))
        status = 304 if body is None else 200
        environ[KEEP] = found.route
        of_this = [("X-Request-Id", name), ("Server-Timing", headers.timing(asked, started))]
        start(_STATUS[status], [*_headers(found, body, etag, chosen), *of_this])
        self._traffic.count("GET", found.route, status, time.perf_counter() - started)
        self._log.tell(access_log.asked_of(environ), status, None if body is None else len(body), started, name)
        return [] if body is None else [body]

    def _find(self, path: str, query: str) -> _Found | None:
        if path == LIST:
            return self._list(query)
        collection, _, article_id = path.removeprefix(f"{LIST}/").partition("/")
        if not path.startswith(f"{LIST}/") or query or not article_id:
            return None
        return self._article(collection, article_id)

    def _list(self, query: str) -> _Found | None:
        loaded = _load(query) if len(query) <= self._asker.limits.query_bytes else None
        if loaded is None or "q" in loaded:
            return None  # a search that took too long would be made again by Flask
        with read(self._ctx.database) as tx:
            text = page_of(tx, self._asker, loaded)
        return _Found(text.encode(), None, headers.VARY, LIST)

    def _article(self, *parts: str) -> _Found | None:
        try:
            name = Name(*(part.encode("latin-1").decode() for part in parts))
        except UnicodeDecodeError:
            return None
        with read(self._ctx.database) as tx:
            text, version = json_of(self._ctx, tx, ANYONE, name)
        return _Found(text.encode(), version, headers.OF_AN_ARTICLE, ARTICLE)


def _headers(found: _Found, body: bytes | None, etag: str, chosen: str) -> list[tuple[str, str]]:
    """Those of the representation; `body` is None for one that the client has."""
    of_body = [] if body is None else [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    coded = [("Content-Encoding", chosen)] if body is not None and chosen else []
    return [
        *of_body,
        ("ETag", coding.coded_tag(etag, chosen)),
        ("Vary", f"{found.vary}, Accept-Encoding"),
        ("Cache-Control", headers.REVALIDATED),
        *coded,
        *headers.SECURITY.items(),
        ("Content-Security-Policy", headers.POLICY),
    ]


@lru_cache(maxsize=256)
def _load(query: str) -> dict[str, Any] | None:
    """What the query asks for, which nobody may change; None when it cannot be read."""
    try:
        pairs = parse_qsl(query.encode("latin-1").decode(), keep_blank_values=True, errors="strict")
        given = dict(pairs)
        loaded: dict[str, Any] = _QUERY.load(given, unknown=RAISE)
    except (ValueError, ValidationError):
        return None
    return loaded if len(given) == len(pairs) else None  # nothing is taken twice
