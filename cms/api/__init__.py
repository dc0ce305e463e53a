"""The routes, and what every request goes through. The only room that knows HTTP."""

from __future__ import annotations

import time

from flask import Flask, Response, current_app, g, request

from cms.actions import reserve
from cms.api import (
    access_log,
    articles,
    auth,
    changes,
    coding,
    collections,
    conflicts,
    docs,
    drafts,
    headers,
    history,
    hooks,
    images,
    media,
    metrics,
    operators,
    previews,
    problems,
    rates,
    service,
    sync,
    tokens,
    traffic,
    translations,
    trash,
    uploads,
    urgency,
    webhooks,
)
from cms.api.any_path import AnyPath
from cms.api.parsing import JSON_PATCH, MERGE_PATCH, check_head, check_query, context
from cms.api.spec import create_api
from cms.database import file, statements
from cms.database.refusals import lost
from cms.model.limits import Limits

_DESCRIBED = (
    collections,
    translations,
    articles,
    history,
    drafts,
    previews,
    changes,
    images,
    uploads,
    trash,
    sync,
    webhooks,
    conflicts,
    hooks,
    tokens,
    service,
    metrics,
)
"""The modules whose routes stand in the API's description, in its order."""


def create_flask(limits: Limits) -> Flask:
    """The Flask application with all routes; `app.extensions["cms"]` is to hold the context."""
    app = Flask("cms.api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = limits.json_bytes
    # What is no file in a form: names of places, headers of parts. Werkzeug reads 64 KiB at once.
    app.config["MAX_FORM_MEMORY_SIZE"] = 96 * 1024
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    app.url_map.converters["path"] = AnyPath
    app.before_request(_begin)
    app.before_request(_refuse_writes)
    app.before_request(auth.authenticate)
    app.before_request(check_head)
    app.before_request(check_query)
    app.before_request(_make_room)
    app.after_request(_finish)
    app.after_request(urgency.urge)
    app.extensions |= {rates.NAME: rates.of(limits), operators.NAME: operators.Operators()}
    api = create_api(app, limits)
    problems.register(app)
    for module in _DESCRIBED:
        api.register_blueprint(module.blp)
    app.register_blueprint(media.blp)
    app.register_blueprint(docs.blp)
    return app


def _begin() -> None:
    g.started, g.statements = time.perf_counter(), statements.count()
    g.request_id = access_log.request_id(request.headers.get("X-Request-Id"))


def _refuse_writes() -> None:
    # Before a file is written of which no database would tell.
    if request.method not in ("GET", "HEAD", "OPTIONS") and file.gone_since(context().database) is not None:
        raise lost(context().database)


def _make_room() -> None:
    # To delete has to work on a full disk; who may delete nothing is not to use up the room for that.
    if request.method == "DELETE" and any(map(auth.actor().may_somewhere, ("articles:write", "images:write"))):
        reserve.make_room(context())


def _finish(response: Response) -> Response:
    auth.set_caching(response)
    coding.apply(response)
    response.headers["X-Request-Id"] = g.request_id
    if response.status_code < 400:  # how much was asked before a refusal could tell what is hidden
        response.headers["Server-Timing"] = headers.timing(g.statements, g.started)
    if response.status_code == 204:
        response.headers.pop("Content-Type", None)
    response.headers.update(headers.SECURITY)
    response.headers.setdefault("Content-Security-Policy", headers.POLICY)
    if response.status_code in (405, 415) and request.method == "PATCH":
        response.headers["Accept-Patch"] = f"{MERGE_PATCH}, {JSON_PATCH}"
    if (counts := current_app.extensions.get(traffic.NAME)) is not None:
        route = None if request.url_rule is None else request.url_rule.rule
        counts.count(request.method, route, response.status_code, time.perf_counter() - g.started)
    if (log := current_app.extensions.get(access_log.NAME)) is not None:
        asked = access_log.asked_for(request.method, request.path)
        actor = g.actor.name if "actor" in g else None
        log.tell(asked, response.status_code, response.content_length, g.started, g.request_id, actor)
    return response
