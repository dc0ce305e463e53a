"""What happened to an article."""

from __future__ import annotations

from typing import get_args

from marshmallow import Schema, fields, validate

from cms.api.schemas.articles import update_references_field
from cms.api.schemas.common import MAX_LIMIT, Message, Text, said
from cms.database.audit import Action
from cms.database.changes import Source

ACTIONS = get_args(Action)
SOURCES = get_args(Source)
SUBJECTS = ("article", "image")


class Change(Schema):
    seq = fields.Integer(required=True)
    time = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    source = fields.String(required=True)
    action = fields.String(required=True, validate=validate.OneOf(ACTIONS))
    version = fields.String(required=True)
    visible_before = fields.Boolean(required=True)
    visible_after = fields.Boolean(required=True)
    message = fields.String(metadata=said("what the editor said of it"))
    purged_at = fields.AwareDateTime(metadata=said("when its text was taken out for good: `cms purge`"))
    renamed_from = fields.String(metadata=said("the id it had until then"))
    renamed_to = fields.String(metadata=said("the id it has had since"))
    text = fields.String(
        metadata=said("with seq: the file as it was; null when it was not UTF-8, or is purged"), allow_none=True
    )
    diff = fields.String(metadata=said("with seq: unified diff from the revision before, unless one of both is purged"))


class ChangePage(Schema):
    items = fields.List(fields.Nested(Change), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AuditChange(Change):
    subject = fields.String(required=True, validate=validate.OneOf(SUBJECTS))
    collection = fields.String(metadata=said("of an article"))
    id = fields.String(metadata=said("of an article"))
    path = fields.String(metadata=said("of an image, below src/assets"))

    class Meta:
        exclude = ("text", "diff")


class AuditPage(Schema):
    items = fields.List(fields.Nested(AuditChange), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class AuditQuery(Schema):
    actor = Text(metadata=said("the name of the token, or of the commit's author"))
    source = fields.String(validate=validate.OneOf(SOURCES))
    subject = fields.String(validate=validate.OneOf(SUBJECTS))
    collection = Text(metadata=said("only its articles"))
    action = fields.String(validate=validate.OneOf(ACTIONS))
    since = fields.AwareDateTime(metadata=said("changes of that time and later"))
    until = fields.AwareDateTime(metadata=said("changes before that time"))
    latest = fields.Boolean(
        load_default=False,
        metadata=said("true: only the last change of each; with action=deleted, what is deleted now"),
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text(metadata=said("the next_cursor of the page before"))


class HistoryQuery(Schema):
    seq = fields.Integer(validate=validate.Range(1, 2**62))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text()


class RestoreQuery(Schema):
    seq = fields.Integer(required=True, validate=validate.Range(1, 2**62))
    message = Message()
    update_references = update_references_field()
