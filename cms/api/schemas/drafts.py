"""Working copies of articles, and links to them."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.articles import Article
from cms.api.schemas.common import MAX_LIMIT, FileProblem, Text, said
from cms.database.previews import DAY_S, MOST_S

_BASE = said("of the article, when the copy was begun")
_CURRENT = said("of the article now; null when it is deleted")
_LINK = (
    "the link, only in the answer that made it; whoever has it sees the article. It begins with CMS_PUBLIC_URL, and is "
    "below this service's root where that is not set"
)
_STALE = said("true: the article has changed since; publishing is 412, or a merge with Prefer: handling=merge")
_WARNINGS = said("what breaks the collection's rules; publishing adds no error to those of the article: 422")


class Draft(Schema):
    """What a list tells of a working copy."""

    collection = fields.String(required=True)
    id = fields.String(required=True)
    version = fields.String(required=True, metadata=said("SHA-256 of the copy's text"))
    base_version = fields.String(required=True, metadata=_BASE)
    current_version = fields.String(required=True, allow_none=True, metadata=_CURRENT)
    is_stale = fields.Boolean(required=True, metadata=_STALE)
    warnings = fields.List(fields.Nested(FileProblem), required=True, metadata=_WARNINGS)
    actor = fields.String(required=True, metadata=said("who saved it last"))
    updated_at = fields.AwareDateTime(required=True)


class DraftPage(Schema):
    items = fields.List(fields.Nested(Draft), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class DraftQuery(Schema):
    collection = Text()
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text()


class WorkingCopy(Article):
    """The article as its working copy has it."""

    base_version = fields.String(required=True, metadata=_BASE)
    current_version = fields.String(required=True, allow_none=True, metadata=_CURRENT)
    is_stale = fields.Boolean(required=True, metadata=_STALE)
    warnings = fields.List(fields.Nested(FileProblem), required=True, metadata=_WARNINGS)
    actor = fields.String(required=True, metadata=said("who saved it last"))

    class Meta:
        exclude = ("live_since",)


class NewPreview(Schema):
    collection = Text(required=True)
    id = Text(required=True, metadata=said("the article's"))
    expires_s = fields.Integer(
        strict=True, load_default=7 * DAY_S, validate=validate.Range(1, MOST_S), metadata=said("7 days, at most 30")
    )


class Preview(Schema):
    preview_id = fields.String(required=True, metadata=said("to revoke it by"))
    collection = fields.String(required=True)
    id = fields.String(required=True)
    actor = fields.String(required=True, metadata=said("who made it"))
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True)
    url = fields.String(metadata=said(_LINK))


class PreviewPage(Schema):
    items = fields.List(fields.Nested(Preview), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
