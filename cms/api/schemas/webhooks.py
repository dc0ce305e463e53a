"""Webhooks and their deliveries."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.common import Text, said


class NewWebhook(Schema):
    url = Text(required=True, validate=validate.Length(1, 2000))
    target = fields.String(load_default="generic", validate=validate.OneOf(["generic"]))
    secret = Text(load_default=None, allow_none=True)
    quiet_s = fields.Float(load_default=10.0, validate=validate.Range(0, 3600))
    max_wait_s = fields.Float(load_default=60.0, validate=validate.Range(0, 86_400))


class WebhookPatch(Schema):
    url = Text(validate=validate.Length(1, 2000))
    secret = Text()
    quiet_s = fields.Float(validate=validate.Range(0, 3600))
    max_wait_s = fields.Float(validate=validate.Range(0, 86_400))


class Webhook(Schema):
    id = fields.String(required=True)
    url = fields.String(required=True)
    target = fields.String(required=True)
    secret = fields.String(metadata=said("only in the answer that made or changed it"))
    quiet_s = fields.Float(required=True)
    max_wait_s = fields.Float(required=True)
    created_at = fields.AwareDateTime(required=True)
    failures = fields.Integer(required=True, metadata=said("attempts in a row without 2xx"))


class WebhookList(Schema):
    items = fields.List(fields.Nested(Webhook), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))


class Delivery(Schema):
    id = fields.String(required=True)
    message_id = fields.String(required=True, metadata=said("the webhook-id header; the same when sent again"))
    type = fields.String(required=True)
    time = fields.AwareDateTime(required=True)
    status = fields.Integer(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True)
    duration_ms = fields.Integer(required=True)


class DeliveryList(Schema):
    items = fields.List(fields.Nested(Delivery), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))
