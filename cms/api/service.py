"""Routes about the service itself: is it alive, is it ready, what can it do."""

from __future__ import annotations

from typing import Any

from flask import Response, current_app

from cms.actions import notices
from cms.actions.heartbeat import Alert
from cms.api import auth
from cms.api.conditional import reply
from cms.api.parsing import Blueprint, context, unchecked
from cms.api.schemas import service as schemas
from cms.clock import machine_time
from cms.database import collections
from cms.database.engine import read
from cms.database.refusals import REBUILDING
from cms.errors import Unavailable
from cms.model.published import timestamp

LEAVING = "leaving"
"""Under which an event may stand among the application's extensions, set once this server is about to end."""

STARTED = "started"
"""Under which it may stand when this server process was started (monotonic time): it has a worker from then on."""

blp = Blueprint("service", __name__, description="The service itself")


@blp.route("/healthz")
@blp.response(200, schemas.Health)
def healthz() -> Response:
    """Say that the process lives; asks nobody else."""
    return reply({"status": "ok"})


@blp.route("/readyz")
@blp.response(200, schemas.Readiness)
@blp.alt_response(503, schema=schemas.Readiness, description="Not ready")
def readyz() -> Response:
    """Say whether requests are answered in full, and what the operator has to decide."""
    told: list[Alert] = []
    try:
        told += all_notices()
        is_built, is_away, sees_details = _is_built(), False, auth.actor().may("admin")
    except Unavailable as error:
        error.note()
        told = [Alert(error.code, error.for_operators, machine_time())]
        is_built, is_away = False, True
    if troubles := notices.troubles(context()):
        known = [Alert(one.code, one.for_operators, one.since) for one in troubles]
        told = known if is_away else known + told
    if is_away:
        sees_details = auth.was_operator(notices.database_silent_since(context()) or machine_time())
    shown: list[dict[str, Any]] = []
    for one in told:
        detail = {"detail": one.detail} if sees_details else {}
        shown.append({"name": one.name, **detail, "since": timestamp(one.since)})
    leaving = current_app.extensions.get(LEAVING)
    if leaving is not None and leaving.is_set():
        return reply({"status": "stopping", "notices": shown}, 503)
    if not is_built:
        return reply({"status": "degraded" if is_away else "starting", "notices": shown}, 503)
    return reply({"status": "degraded" if shown else "ready", "notices": shown})


def all_notices() -> list[Alert]:
    return notices.all_of(unchecked(), current_app.extensions.get(STARTED))


def _is_built() -> bool:
    try:
        with read(unchecked().database) as tx:
            return collections.built_stamp(tx) == context().stamp
    except Unavailable as error:
        if error.code != REBUILDING:
            raise
        return False
