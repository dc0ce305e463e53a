"""Routes of webhooks and their deliveries."""

from __future__ import annotations

from typing import Any

from flask import Response

from cms.actions import deliver
from cms.api import auth
from cms.api.conditional import reply, reply_list
from cms.api.parsing import Blueprint, context
from cms.api.schemas import webhooks as schemas
from cms.database import webhooks
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.published import timestamp

blp = Blueprint("webhooks", __name__, url_prefix="/api/v1", description="Who is told when something is published")


@blp.route("/webhooks")
@blp.response(200, schemas.WebhookList)
def list_webhooks() -> Response:
    """List the webhooks."""
    auth.actor().require("webhooks")
    with read(context().database) as tx:
        return reply_list([_shown(row) for row in webhooks.all_of(tx)])


@blp.route("/webhooks", methods=["POST"])
@blp.arguments(schemas.NewWebhook)
@blp.response(201, schemas.Webhook)
def create_webhook(body: dict[str, Any]) -> Response:
    """Create a webhook; it is told of every publish from now on."""
    auth.actor().require("webhooks")
    row = deliver.create(context(), **body)
    return reply({**_shown(row), "secret": row.secret}, 201)


@blp.route("/webhooks/<webhook_id>")
@blp.response(200, schemas.Webhook)
def get_webhook(webhook_id: str) -> Response:
    """Get one webhook."""
    auth.actor().require("webhooks")
    return reply(_shown(deliver.get(context(), webhook_id)))


@blp.route("/webhooks/<webhook_id>", methods=["PATCH"])
@blp.arguments(schemas.WebhookPatch)
@blp.response(200, schemas.Webhook)
def patch_webhook(body: dict[str, Any], webhook_id: str) -> Response:
    """Change a webhook."""
    auth.actor().require("webhooks")
    return reply(_shown(deliver.change(context(), webhook_id, body)))


@blp.route("/webhooks/<webhook_id>", methods=["DELETE"])
@blp.response(204)
def delete_webhook(webhook_id: str) -> Response:
    """Delete a webhook; it is told nothing more."""
    auth.actor().require("webhooks")
    deliver.remove(context(), webhook_id)
    return Response(status=204)


@blp.route("/webhooks/<webhook_id>/deliveries")
@blp.response(200, schemas.DeliveryList)
def list_deliveries(webhook_id: str) -> Response:
    """List the attempts to tell a webhook, newest first."""
    auth.actor().require("webhooks")
    deliver.get(context(), webhook_id)
    with read(context().database) as tx:
        return reply_list([_attempt(row) for row in webhooks.attempts(tx, webhook_id)])


@blp.route("/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver", methods=["POST"])
@blp.response(200, schemas.Delivery)
def redeliver(webhook_id: str, delivery_id: str) -> Response:
    """Send a delivery's message once more, now."""
    auth.actor().require("webhooks")
    return reply(_attempt(deliver.redeliver(context(), webhook_id, delivery_id)))


@blp.route("/webhooks/<webhook_id>/test", methods=["POST"])
@blp.response(200, schemas.Delivery)
def test_webhook(webhook_id: str) -> Response:
    """Send a message of the type webhook.test, now."""
    auth.actor().require("webhooks")
    return reply(_attempt(deliver.test(context(), webhook_id)))


def _shown(row: AnyRow) -> dict[str, Any]:
    names = ("id", "url", "target", "quiet_s", "max_wait_s", "failures")
    return {**{name: getattr(row, name) for name in names}, "created_at": timestamp(row.created_at)}


def _attempt(row: AnyRow) -> dict[str, Any]:
    names = ("id", "message_id", "type", "status", "error", "duration_ms")
    return {**{name: getattr(row, name) for name in names}, "time": timestamp(row.time)}
