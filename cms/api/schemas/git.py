"""The site's git repository: conflicts, and the hook that a forge calls."""

from __future__ import annotations

from marshmallow import Schema, fields

from cms.api.schemas.common import said


class Conflict(Schema):
    path = fields.String(required=True, metadata=said("the file, below the top of the repository"))
    article = fields.String(required=True, allow_none=True, metadata=said("the article in it, as in blog/en/14-post"))
    time = fields.AwareDateTime(required=True)
    author = fields.String(required=True, metadata=said("the developer"))
    commit = fields.String(required=True, metadata=said("the developer's last commit"))
    base = fields.String(required=True, allow_none=True, metadata=said("as both began; null: no file, or no text"))
    ours = fields.String(required=True, allow_none=True, metadata=said("as the editor made it, and as the site has it"))
    theirs = fields.String(required=True, allow_none=True, metadata=said("as the developer made it"))


class ConflictList(Schema):
    items = fields.List(fields.Nested(Conflict), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))


class HookAnswer(Schema):
    duplicate = fields.Boolean(required=True, metadata=said("true: this was told before, and nothing is done"))
