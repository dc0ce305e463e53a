"""The service itself, and its collections."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.common import said


class Health(Schema):
    status = fields.String(required=True)


class Notice(Schema):
    name = fields.String(required=True)
    detail = fields.String(metadata=said("with the scope admin"))
    since = fields.AwareDateTime(required=True)


class Readiness(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["ready", "degraded", "starting", "stopping"]))
    notices = fields.List(fields.Nested(Notice), required=True)


class Collection(Schema):
    name = fields.String(required=True)
    published = fields.Integer(required=True)
    draft = fields.Integer(metadata=said("with articles:read-drafts"))
    scheduled = fields.Integer(metadata=said("with articles:read-drafts"))
    broken = fields.Integer(metadata=said("with articles:read-drafts"))
    has_schema = fields.Boolean(required=True)


class CollectionList(Schema):
    items = fields.List(fields.Nested(Collection), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))
