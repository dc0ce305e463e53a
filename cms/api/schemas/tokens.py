"""Access tokens."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.common import Text, said


class Token(Schema):
    id = fields.String(required=True)
    name = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True, allow_none=True)
    last_used_at = fields.AwareDateTime(required=True, allow_none=True, metadata=said("to the hour; null: never"))
    token = fields.String(metadata=said("only in the answer that made it"))


class TokenList(Schema):
    items = fields.List(fields.Nested(Token), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))


class NewToken(Schema):
    name = Text(required=True, validate=validate.Length(1, 100))
    scopes = fields.List(Text(), required=True, validate=validate.Length(1, 50))
    expires_at = fields.AwareDateTime(
        load_default=None, allow_none=True, metadata=said("between now and the year 2200; null: never")
    )


class Whoami(Schema):
    name = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
