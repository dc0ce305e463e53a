"""Routes of webhooks, their deliveries, and reports of builds."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from flask import Response

from cms.actions import builds, deliver, webhooks
from cms.actions.message import addressee
from cms.actions.watch import is_gone
from cms.api import auth
from cms.api.conditional import reply, reply_list
from cms.api.parsing import Blueprint, context
from cms.api.schemas import webhooks as schemas
from cms.database import deliveries
from cms.database import webhooks as rows
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import Malformed
from cms.model.published import timestamp, to_json
from cms.model.targets import shown_url

blp = Blueprint("webhooks", __name__, url_prefix="/api/v1", description="Who is told when something is published")


@blp.route("/webhooks")
@blp.response(200, schemas.WebhookList)
def list_webhooks() -> Response:
    """List the webhooks."""
    auth.actor().require("webhooks")
    with read(context().database) as tx:
        return reply_list([_shown(row) for row in rows.all_of(tx)])


@blp.route("/webhooks", methods=["POST"])
@blp.arguments(schemas.NewWebhook)
@blp.response(201, schemas.Webhook)
def create_webhook(body: dict[str, Any]) -> Response:
    """Create a webhook; it is told of every publish from now on."""
    auth.actor().require("webhooks")
    row = webhooks.create(context(), body)
    return reply({**_shown(row), **_secret(row)}, 201)


@blp.route("/webhooks/<webhook_id>")
@blp.response(200, schemas.Webhook)
def get_webhook(webhook_id: str) -> Response:
    """Get one webhook, and whether it can be told."""
    auth.actor().require("webhooks")
    return reply(_shown(webhooks.get(context(), webhook_id)))


@blp.route("/webhooks/<webhook_id>", methods=["PATCH"])
@blp.arguments(schemas.WebhookPatch)
@blp.response(200, schemas.Webhook)
def patch_webhook(body: dict[str, Any], webhook_id: str) -> Response:
    """Change a webhook."""
    auth.actor().require("webhooks")
    row = webhooks.change(context(), webhook_id, body)
    return reply({**_shown(row), **(_secret(row) if "secret" in body else {})})


@blp.route("/webhooks/<webhook_id>", methods=["DELETE"])
@blp.response(204)
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook; it is told nothing more."""
    auth.actor().require("webhooks")
    webhooks.remove(context(), webhook_id)
    return Response(status=204)


@blp.route("/webhooks/<webhook_id>/deliveries")
@blp.arguments(schemas.DeliveryQuery, location="query")
@blp.response(200, schemas.DeliveryPage)
def list_deliveries(query: dict[str, Any], webhook_id: str) -> Response:
    """List the attempts to tell a webhook, newest first, a page at a time."""
    auth.actor().require("webhooks")
    webhooks.get(context(), webhook_id)
    after, limit = _decode_cursor(query.get("cursor")), query["limit"]
    with read(context().database) as tx:
        found = deliveries.page(tx, webhook_id, after, limit + 1)
    cursor = _encode_cursor(found[limit - 1]) if len(found) > limit else None
    return reply({"items": [_attempt(row) for row in found[:limit]], "next_cursor": cursor})


@blp.route("/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver", methods=["POST"])
@blp.response(200, schemas.Delivery)
def redeliver(webhook_id: str, delivery_id: str) -> Response:
    """Send a delivery's message once more, now."""
    auth.actor().require("webhooks")
    return reply(_attempt(deliver.redeliver(context(), webhook_id, delivery_id)))


@blp.route("/webhooks/<webhook_id>/test", methods=["POST"])
@blp.response(200, schemas.Delivery)
def test_webhook(webhook_id: str) -> Response:
    """Send a message of the type webhook.test, now; netlify, vercel, cloudflare and gitlab build on it."""
    auth.actor().require("webhooks")
    return reply(_attempt(deliver.test(context(), webhook_id)))


@blp.route("/builds", methods=["POST"])
@blp.arguments(schemas.NewBuild)
@blp.response(201, schemas.Build)
def report_build(body: dict[str, Any]) -> Response:
    """Say that a build is live, by the cursor it was made from."""
    auth.actor().require("builds")
    live_since, is_current = builds.report(context(), body.get("cursors") or [body["cursor"]])
    return reply({"live_since": timestamp(live_since), "is_current": is_current}, 201)


def _shown(row: AnyRow) -> dict[str, Any]:
    names = ("id", "target", "ref", "quiet_s", "max_wait_s", "failures")
    return {
        **{name: getattr(row, name) for name in names},
        "url": shown_url(addressee(row, 0)),
        "events": row.events.split(),
        "created_at": timestamp(row.created_at),
        "state": "gone" if is_gone(row) else "failing" if row.failures else "ok",
        "failing_since": _moment(row.failing_since),
        "retry_at": _moment(row.retry_at),
        "told_at": _moment(row.told_at),
        "old_secret_until": _moment(row.old_secret_until),
    }


def _secret(row: AnyRow) -> dict[str, str]:
    """What signs messages is shown once, for the receiver needs it; tokens of others are never shown."""
    return {"secret": row.secret} if row.target == "generic" else {}


def _attempt(row: AnyRow) -> dict[str, Any]:
    names = ("id", "message_id", "type", "reason", "status", "error", "duration_ms", "answer")
    return {**{name: getattr(row, name) for name in names}, "time": timestamp(row.time)}


def _moment(seconds: float | None) -> str | None:
    return timestamp(seconds) if seconds else None


def _encode_cursor(row: AnyRow) -> str:
    return base64.urlsafe_b64encode(to_json([row.time, row.id]).encode()).decode().rstrip("=")


def _decode_cursor(text: str | None) -> tuple[float, str] | None:
    if text is None:
        return None
    try:
        moment, own_id = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        if type(moment) is not float or type(own_id) is not str or "\0" in own_id:
            raise ValueError(text)
        own_id.encode()
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise Malformed("This cursor belongs to no such list; start again without one.", code="cursor") from error
    return moment, own_id
