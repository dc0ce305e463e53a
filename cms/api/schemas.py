"""What goes in and out, for validation and for the spec.

Published bytes are built in `model` and only described here; a test loads every one of them with these schemas.
"""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, ValidationError, fields, pre_load, validate

from cms.database.listing import BUILT_IN
from cms.model.field import OPS
from cms.model.ids import LOCALE_PATTERN
from cms.model.published import HEAVY, MEMBERS

MAX_LIMIT = 100
_FILTER = re.compile(r"filter\[([^\[\]]{1,200})\]\[([a-z]{2,8})\]")


def said(text: str) -> dict[str, Any]:
    return {"description": text}


class Text(fields.String):
    """Text that can be stored everywhere: no NUL, no half characters."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **kwargs)
        if "\0" in text:
            raise self.make_error("invalid")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self.make_error("invalid") from error
        return text


class FieldNames(Text):
    """Names of an article's members, with commas between them."""

    members: tuple[str, ...] = MEMBERS

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        names = text.split(",")
        if unknown := [name for name in names if name not in self.members]:
            raise ValidationError(f"{unknown[0]!r} is no member; there are {', '.join(self.members)}.")
        return text


class FeedFieldNames(FieldNames):
    members = (*MEMBERS, "text")


class ProblemItem(Schema):
    pointer = fields.String(required=True, metadata=said("JSON Pointer to the place"))
    location = fields.String(data_key="in", validate=validate.OneOf(["body", "query"]))
    detail = fields.String(required=True)
    code = fields.String(required=True)


class Problem(Schema):
    """Every error, as RFC 9457 has it."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    request_id = fields.String(allow_none=True)
    errors = fields.List(fields.Nested(ProblemItem), metadata=said("all that is wrong, at once"))
    current_version = fields.String(allow_none=True, metadata=said("412: what is there now; null when nothing is"))
    changed = fields.List(fields.String(), metadata=said("412: pointers of what others changed since your version"))
    moved_to = fields.String(metadata=said("410: what the article is called now, as collection/id"))
    used_by = fields.List(fields.String(), metadata=said("409: the articles that show the photo"))


class Heading(Schema):
    depth = fields.Integer(required=True)
    slug = fields.String(required=True)
    text = fields.String(required=True)


class Variant(Schema):
    url = fields.String(required=True, metadata=said("what has this address never changes"))
    width = fields.Integer(required=True)
    height = fields.Integer(required=True)
    bytes = fields.Integer(required=True)
    format = fields.String(required=True)


class Rendition(Schema):
    """What is made of a photo soon after it has come: null and empty until then."""

    placeholder = fields.String(required=True, allow_none=True, metadata=said("a tiny WebP, as a data URI"))
    colour = fields.String(required=True, allow_none=True, metadata=said("#rrggbb: what there is most of"))
    variants = fields.List(fields.Nested(Variant), required=True)
    srcset = fields.String(required=True, allow_none=True, metadata=said("the variants, ready for an img"))


class ArticleImage(Rendition):
    ref = fields.String(required=True, metadata=said("as the author wrote it"))
    field = fields.String(required=True, allow_none=True, metadata=said("pointer into data; null in the body"))
    alt = fields.String(required=True, allow_none=True)
    path = fields.String(required=True, allow_none=True, metadata=said("below src/assets"))
    url = fields.String(required=True, allow_none=True)
    sha256 = fields.String(required=True, allow_none=True)
    bytes = fields.Integer(required=True, allow_none=True)
    width = fields.Integer(required=True, allow_none=True)
    height = fields.Integer(required=True, allow_none=True)
    format = fields.String(required=True, allow_none=True)
    missing = fields.Boolean(required=True, metadata=said("there is no such photo in the site"))


class Translation(Schema):
    locale = fields.String(required=True)
    id = fields.String(required=True)


class FileProblem(Schema):
    pointer = fields.String(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)


class LeanArticle(Schema):
    """What a list holds; other members only when `fields` names them."""

    collection = fields.String()
    id = fields.String(metadata=said("exactly Astro's"))
    locale = fields.String(allow_none=True)
    slug = fields.String(metadata=said("the id without its locale"))
    path = fields.String(metadata=said("the file, below the site"))
    status = fields.String(validate=validate.OneOf(["published", "draft", "broken"]))
    data = fields.Dict(keys=fields.String(), metadata=said("front matter; dates as ISO strings"))
    dates = fields.List(fields.String(), metadata=said("pointers into data of the values that are dates"))
    excerpt = fields.String()
    images = fields.List(fields.Nested(ArticleImage))
    translations = fields.List(fields.Nested(Translation))
    problems = fields.List(fields.Nested(FileProblem), metadata=said("why a broken article cannot be read"))
    version = fields.String(metadata=said("SHA-256 of the file"))
    digest = fields.String(metadata=said("changes with the file and with the photos it shows"))
    created_at = fields.AwareDateTime()
    updated_at = fields.AwareDateTime()


class Article(LeanArticle):
    body = fields.String(metadata=said("Markdown"))
    html = fields.String(metadata=said("the body rendered, safe to show"))
    headings = fields.List(fields.Nested(Heading))
    warnings = fields.List(
        fields.Nested(FileProblem), metadata=said("after a save: what was wrong before and still is")
    )


class Snippet(Schema):
    pointer = fields.String(required=True, metadata=said("where the match stands: /body, or below /data"))
    html = fields.String(required=True, metadata=said("the text around it, the match in <mark>, safe to show"))


class ListedArticle(Article):
    snippets = fields.List(fields.Nested(Snippet), metadata=said("with q: where it was found"))
    fallback = fields.Boolean(metadata=said("true: it stands in for a translation that is not there"))

    class Meta:
        exclude = ("warnings",)


class ArticlePage(Schema):
    items = fields.List(fields.Nested(ListedArticle), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Integer(metadata=said("only with total=true"))


class ArticleQuery(Schema):
    collection = Text()
    locale = Text(validate=validate.Regexp(LOCALE_PATTERN))
    fallback = Text(
        validate=validate.Regexp(LOCALE_PATTERN),
        metadata=said("where an article is not there in locale, show this one"),
    )
    status = fields.String(load_default="published", validate=validate.OneOf(["published", "draft", "broken", "all"]))
    q = Text(
        metadata=said("words to be found one after the other in front matter or body; the last may be a beginning"),
    )
    sort = Text(
        metadata=said(
            f"{', '.join(BUILT_IN)}, or fields of the collection, with commas between; a leading - descends."
            " Without it by id; with q the best hits first"
        ),
    )
    filters = fields.Dict(
        data_key="filter",
        metadata=said(f"filter[field][op]=value; op is one of {', '.join(OPS)}; needs a collection"),
    )
    fields_ = FieldNames(
        data_key="fields", metadata=said(f"members, with commas between; without it all but {', '.join(HEAVY)}")
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text(metadata=said("the next_cursor of the page before"))
    total = fields.Boolean(load_default=False)

    @pre_load
    def gather_filters(self, data: Any, **_: Any) -> dict[str, Any]:
        """`filter[field][op]=value` as `{"filter": {(field, op): value}}`."""
        plain: dict[str, Any] = {}
        gathered: dict[tuple[str, str], str] = {}
        for name, value in data.items():
            if match := _FILTER.fullmatch(name):
                gathered[match[1], match[2]] = value
            else:
                plain[name] = value
        return {**plain, "filter": gathered} if gathered else plain


class NewArticle(Schema):
    id = Text(metadata=said("or give a slug, or neither: then the title makes one"))
    locale = Text(validate=validate.Regexp(LOCALE_PATTERN))
    slug = Text()
    data = fields.Dict(keys=Text(), required=True)
    body = Text(load_default="")


class WholeArticle(Schema):
    data = fields.Dict(keys=Text(), required=True)
    body = Text(required=True)


class ArticlePatch(Schema):
    new_id = Text(data_key="id", metadata=said("another id renames the article; the old one answers 410 from then on"))
    data = fields.Dict(keys=Text(), metadata=said("merge patch of the front matter: null removes a field"))
    body = Text()


class Operation(Schema):
    """One step of a JSON Patch (RFC 6902)."""

    op = fields.String(required=True, validate=validate.OneOf(["add", "remove", "replace", "move", "copy", "test"]))
    path = fields.String(required=True, metadata=said("/id, /body, or below /data, as in /data/tags/0"))
    source = fields.String(data_key="from")
    value = fields.Raw()


class SaveQuery(Schema):
    dry_run = fields.Boolean(load_default=False, metadata=said("check and show the diff; write nothing"))


class DryRun(Schema):
    """What a save would do."""

    id = fields.String(required=True, metadata=said("the article's id as it would be"))
    diff = fields.String(required=True, metadata=said("unified diff of the file; empty when nothing would change"))
    warnings = fields.List(fields.Nested(FileProblem), required=True)
    version = fields.String(required=True, metadata=said("of the file as it would be"))


SAVED = {"anyOf": [{"$ref": "#/components/schemas/Article"}, {"$ref": "#/components/schemas/DryRun"}]}
"""The article, or with dry_run what a save would do."""


class Collection(Schema):
    name = fields.String(required=True)
    published = fields.Integer(required=True)
    draft = fields.Integer(metadata=said("with articles:read-drafts"))
    broken = fields.Integer(metadata=said("with articles:read-drafts"))
    has_schema = fields.Boolean(required=True)


class CollectionList(Schema):
    items = fields.List(fields.Nested(Collection), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))


class Change(Schema):
    seq = fields.Integer(required=True)
    time = fields.AwareDateTime(required=True)
    actor = fields.String(required=True)
    source = fields.String(required=True)
    action = fields.String(required=True, validate=validate.OneOf(["created", "updated", "renamed", "deleted"]))
    version = fields.String(required=True)
    visible_before = fields.Boolean(required=True)
    visible_after = fields.Boolean(required=True)
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


class Image(Rendition):
    path = fields.String(required=True, metadata=said("below src/assets"))
    url = fields.String(required=True)
    sha256 = fields.String(required=True)
    bytes = fields.Integer(required=True)
    width = fields.Integer(required=True, allow_none=True, metadata=said("pixels, upright"))
    height = fields.Integer(required=True, allow_none=True)
    format = fields.String(required=True)
    version = fields.String(required=True)


class UsedImage(Image):
    used_by = fields.List(fields.String(), required=True, metadata=said("the articles that show it, as collection/id"))


class ImagePage(Schema):
    items = fields.List(fields.Nested(Image), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ImageQuery(Schema):
    folder = Text()
    unused = fields.Boolean(load_default=False, metadata=said("true: only those that no article refers to"))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, MAX_LIMIT))
    cursor = Text()


class StoredImage(Image):
    ref = fields.String(required=True, metadata=said("how the article refers to it, in the site's own spelling"))
    markdown = fields.String(required=True, metadata=said("paste it into the body"))


class StoredImages(Schema):
    items = fields.List(fields.Nested(StoredImage), required=True)


class SyncQuery(Schema):
    cursor = Text(metadata=said("from the last line of the sync before; without it everything published"))
    collection = Text()
    fields_ = FeedFieldNames(
        data_key="fields", metadata=said("members of the articles, separated by commas; text is the whole file")
    )
    drafts = fields.Boolean(load_default=False)


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


class SyncCursor(Schema):
    type = fields.String(required=True, validate=validate.Equal("cursor"))
    cursor = fields.String(required=True)


SYNC_LINE = {
    "oneOf": [
        {"$ref": f"#/components/schemas/{name}"} for name in ("SyncArticle", "SyncImage", "SyncDeleted", "SyncCursor")
    ]
}


class Token(Schema):
    id = fields.String(required=True)
    name = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    created_at = fields.AwareDateTime(required=True)
    expires_at = fields.AwareDateTime(required=True, allow_none=True)
    token = fields.String(metadata=said("only in the answer that made it"))


class TokenList(Schema):
    items = fields.List(fields.Nested(Token), required=True)
    next_cursor = fields.String(required=True, allow_none=True, metadata=said("always null: these are all"))


class NewToken(Schema):
    name = Text(required=True, validate=validate.Length(1, 100))
    scopes = fields.List(Text(), required=True, validate=validate.Length(1, 50))
    expires_at = fields.AwareDateTime(load_default=None, allow_none=True)


class Whoami(Schema):
    name = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)


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


class Health(Schema):
    status = fields.String(required=True)


class Notice(Schema):
    name = fields.String(required=True)
    detail = fields.String(metadata=said("with the scope admin"))
    since = fields.AwareDateTime(required=True)


class Readiness(Schema):
    status = fields.String(required=True, validate=validate.OneOf(["ready", "degraded", "starting"]))
    notices = fields.List(fields.Nested(Notice), required=True)
