"""The feed and its lines."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from cms.api.schemas.articles import Article
from cms.api.schemas.common import FieldNames, FileProblem, Text, said
from cms.api.schemas.images import Image
from cms.model.published import MEMBERS


class FeedFieldNames(FieldNames):
    members = (*MEMBERS, "text")


class SyncQuery(Schema):
    cursor = Text(metadata=said("from the last line of the sync before; without it everything published"))
    collection = Text()
    fields_ = FeedFieldNames(
        data_key="fields", metadata=said("members of the articles, separated by commas; text is the whole file")
    )
    drafts = fields.Boolean(load_default=False)
    broken = fields.Boolean(
        load_default=False,
        metadata=said(
            "tell of all files that cannot be read, whatever the cursor: one that is told of no more is read again,"
            " or gone; needs articles:read-drafts"
        ),
    )


class SyncArticle(Article):
    type = fields.String(required=True, validate=validate.Equal("article"))
    text = fields.String(metadata=said("the whole file, only when fields asks for it"))

    class Meta:
        exclude = ("warnings",)


class SyncImage(Image):
    type = fields.String(required=True, validate=validate.Equal("image"))


class SyncDeleted(Schema):
    type = fields.String(required=True, validate=validate.Equal("deleted"))
    subject = fields.String(required=True, validate=validate.OneOf(["article", "image"]))
    collection = fields.String(metadata=said("of an article"))
    id = fields.String(metadata=said("of an article"))
    path = fields.String(metadata=said("of an image, below src/assets"))


class SyncBroken(Schema):
    """A file that the site may build and the service cannot read."""

    type = fields.String(required=True, validate=validate.Equal("broken"))
    collection = fields.String(required=True)
    id = fields.String(required=True, metadata=said("the article's, as far as its path tells"))
    path = fields.String(required=True, metadata=said("the file, below the site"))
    problems = fields.List(fields.Nested(FileProblem), required=True)


class SyncCursor(Schema):
    type = fields.String(required=True, validate=validate.Equal("cursor"))
    cursor = fields.String(required=True)


SYNC_LINE = {
    "oneOf": [
        {"$ref": f"#/components/schemas/{name}"}
        for name in ("SyncArticle", "SyncImage", "SyncDeleted", "SyncBroken", "SyncCursor")
    ]
}
