"""What happened to an article."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.common import MAX_LIMIT, Message, Text, said


class Change(Schema):
    seq = fields.Integer(required=True)
    time = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    source = fields.String(required=True)
    action = fields.String(required=True, validate=validate.OneOf(["created", "updated", "renamed", "deleted"]))
    version = fields.String(required=True)
    visible_before = fields.Boolean(required=True)
    visible_after = fields.Boolean(required=True)
    message = fields.String(metadata=said("what the editor said of it"))
    renamed_from = fields.String(metadata=said("the id it had until then"))
    renamed_to = fields.String(metadata=said("the id it has had since"))
    text = fields.String(metadata=said("with seq: the file as it was; null when it was not UTF-8"), allow_none=True)
    diff = fields.String(metadata=said("with seq: unified diff from the revision before"))


class ChangePage(Schema):
    items = fields.List(fields.Nested(Change), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class HistoryQuery(Schema):
    seq = fields.Integer(validate=validate.Range(1, 2**62))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text()


class RestoreQuery(Schema):
    seq = fields.Integer(required=True, validate=validate.Range(1, 2**62))
    message = Message()
