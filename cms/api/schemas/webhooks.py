"""Webhooks, their deliveries, and the builds that come of them."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from cms.api.schemas.common import MAX_LIMIT, Text, said
from cms.model.targets import CHANGED, EVENTS, TARGETS

_URL = said("https://, to a public address")
_TARGET = said("who is told: generic is signed JSON (Standard Webhooks), the others make a hosted build run")
_SECRET = said(
    "generic: whsec_…, by which messages are signed; left out, one is made. github, gitlab: the token, never shown."
    " The others take none"
)
_NEW_SECRET = said("another one; the one before signs beside it for a day more. null: one is made")
_REF = said("gitlab: the branch or tag, main when left out")
_EVENTS = said(
    "content.changed: something was published; content.not_live: what was published has not been live for 15 minutes"
)
_QUIET = said("nothing may change for so long before it is told; messages never come closer")
_LONGEST = said("it is told after so long at the latest, quiet or not")


class NewWebhook(Schema):
    url = Text(required=True, validate=validate.Length(1, 2000), metadata=_URL)
    target = fields.String(load_default="generic", validate=validate.OneOf(TARGETS), metadata=_TARGET)
    secret = Text(load_default=None, allow_none=True, metadata=_SECRET)
    ref = Text(load_default=None, allow_none=True, metadata=_REF)
    events = fields.List(
        fields.String(validate=validate.OneOf(EVENTS)),
        load_default=lambda: [CHANGED],
        validate=validate.Length(1, len(EVENTS)),
        metadata=_EVENTS,
    )
    quiet_s = fields.Float(load_default=10.0, validate=validate.Range(0, 3600), metadata=_QUIET)
    max_wait_s = fields.Float(load_default=60.0, validate=validate.Range(0, 86_400), metadata=_LONGEST)


class WebhookPatch(Schema):
    url = Text(validate=validate.Length(1, 2000), metadata=_URL)
    secret = Text(allow_none=True, metadata=_NEW_SECRET)
    ref = Text(allow_none=True, metadata=_REF)
    events = fields.List(
        fields.String(validate=validate.OneOf(EVENTS)), validate=validate.Length(1, len(EVENTS)), metadata=_EVENTS
    )
    quiet_s = fields.Float(validate=validate.Range(0, 3600), metadata=_QUIET)
    max_wait_s = fields.Float(validate=validate.Range(0, 86_400), metadata=_LONGEST)


class Webhook(Schema):
    id = fields.String(required=True)
    url = fields.String(
        required=True, metadata=said("netlify, vercel, cloudflare: without its last part, which is all one must know")
    )
    target = fields.String(required=True, validate=validate.OneOf(TARGETS))
    secret = fields.String(metadata=said("generic: only in the answer that made or changed it"))
    ref = fields.String(required=True, allow_none=True)
    events = fields.List(fields.String(), required=True)
    quiet_s = fields.Float(required=True)
    max_wait_s = fields.Float(required=True)
    created_at = fields.AwareDateTime(required=True)
    state = fields.String(
        required=True,
        validate=validate.OneOf(["ok", "failing", "gone"]),
        metadata=said("gone: it answers 410 and is asked every 6 hours; failing: it is tried again and again"),
    )
    failures = fields.Integer(required=True, metadata=said("attempts in a row without 2xx"))
    failing_since = fields.AwareDateTime(required=True, allow_none=True)
    retry_at = fields.AwareDateTime(required=True, allow_none=True, metadata=said("when it is tried again"))
    told_at = fields.AwareDateTime(required=True, allow_none=True, metadata=said("when it was last told of news"))
    old_secret_until = fields.AwareDateTime(
        required=True, allow_none=True, metadata=said("until then the secret before this one signs, too")
    )


class WebhookList(Schema):
    items = fields.List(fields.Nested(Webhook), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))


class Delivery(Schema):
    id = fields.String(required=True)
    message_id = fields.String(required=True, metadata=said("the webhook-id header; the same when sent again"))
    type = fields.String(required=True)
    reason = fields.String(required=True, metadata=said("quiet, longest_wait, urgent, overdue, test"))
    time = fields.AwareDateTime(required=True)
    status = fields.Integer(required=True, allow_none=True, metadata=said("null: there was no answer"))
    error = fields.String(required=True, allow_none=True)
    duration_ms = fields.Integer(required=True)
    answer = fields.String(
        required=True, allow_none=True, metadata=said("the first 1,024 bytes of the answer, secrets taken out")
    )


class DeliveryQuery(Schema):
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text(metadata=said("the next_cursor of the page before"))


class DeliveryPage(Schema):
    items = fields.List(fields.Nested(Delivery), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class NewBuild(Schema):
    cursor = Text(
        validate=validate.Length(1, 1000),
        metadata=said("of the feed that the build was made from; which fields it asked for does not matter"),
    )
    cursors = fields.List(
        Text(validate=validate.Length(1, 1000)),
        validate=validate.Length(1, 1000),
        metadata=said("in place of cursor, where several feeds were read: the earliest counts"),
    )

    @validates_schema
    def _either(self, data: dict[str, Any], **_: Any) -> None:
        if ("cursor" in data) == ("cursors" in data):
            raise ValidationError("Send either cursor or cursors.", "cursor")


class Build(Schema):
    live_since = fields.AwareDateTime(required=True, metadata=said("since when this build is known to be live"))
    is_current = fields.Boolean(required=True, metadata=said("nothing newer is published"))
