"""Articles, lists of them, and their changes."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import Schema, fields, pre_load, validate

from cms.api.schemas.common import MAX_LIMIT, FieldNames, FileProblem, Map, Message, MessageQuery, Text, said
from cms.api.schemas.images import ArticleImage
from cms.database.order import BUILT_IN
from cms.model.field import OPS
from cms.model.field_values import HEAD
from cms.model.ids import FORMATS
from cms.model.locales import LOCALE_PATTERN
from cms.model.published import HEAVY
from cms.model.translation import STATES
from cms.model.visibility import STATUSES

_FILTER = re.compile(r"filter\[([^\[\]]{1,200})\]\[([a-z]{2,8})\]")


class Heading(Schema):
    depth = fields.Integer(required=True)
    slug = fields.String(required=True)
    text = fields.String(required=True)


class Translation(Schema):
    locale = fields.String(required=True)
    id = fields.String(required=True)
    state = fields.String(
        validate=validate.OneOf(STATES[1:]),
        metadata=said("stale: the source has changed since; told of one article only, not in lists and the feed"),
    )


class LeanArticle(Schema):
    """What a list holds; other members only when `fields` names them."""

    collection = fields.String()
    id = fields.String(metadata=said("exactly Astro's"))
    locale = fields.String(allow_none=True, metadata=said("a language tag as the site writes it: pt-BR"))
    slug = fields.String(metadata=said("the id without its locale"))
    path = fields.String(metadata=said("the file, below the site"))
    format = fields.String(validate=validate.OneOf(FORMATS), metadata=said("md: Markdown; mdx: MDX"))
    status = fields.String(validate=validate.OneOf(STATUSES))
    publish_at = fields.AwareDateTime(metadata=said("when a scheduled article is published"))
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
    body = fields.String(metadata=said("Markdown, or MDX"))
    html = fields.String(
        allow_none=True, metadata=said("the body rendered, safe to show; null for MDX, which runs in the site's build")
    )
    headings = fields.List(fields.Nested(Heading), metadata=said("none for MDX"))
    warnings = fields.List(
        fields.Nested(FileProblem), metadata=said("after a save: what was wrong before and still is")
    )
    live_since = fields.AwareDateTime(
        allow_none=True,
        metadata=said(
            "since when the built site shows it as it is; null when it does not yet, or no build is reported"
        ),
    )


class Snippet(Schema):
    pointer = fields.String(required=True, metadata=said("where the match stands: /body, or below /data"))
    html = fields.String(required=True, metadata=said("the text around it, the match in <mark>, safe to show"))


class ListedArticle(Article):
    snippets = fields.List(fields.Nested(Snippet), metadata=said("with q: where it was found"))
    fallback = fields.Boolean(
        metadata=said("true: it stands in, in its own locale, for a translation that is not there")
    )

    class Meta:
        exclude = ("warnings", "live_since")


class ArticlePage(Schema):
    items = fields.List(fields.Nested(ListedArticle), required=True)
    next_cursor = fields.String(required=True, allow_none=True)
    total = fields.Integer(metadata=said("only with total=true"))


class ArticleQuery(Schema):
    collection = Text()
    locale = Text(validate=validate.Regexp(LOCALE_PATTERN), metadata=said("a language tag in any case"))
    fallback = Text(
        validate=validate.Regexp(LOCALE_PATTERN),
        metadata=said(
            "where an article is not there in locale, show it in what truncation leaves of the tag (zh-Hant-TW,"
            " zh-Hant, zh), else in this one, truncated likewise"
        ),
    )
    status = fields.String(load_default="published", validate=validate.OneOf([*STATUSES, "all"]))
    q = Text(
        metadata=said(
            "words to be found one after the other in front matter or body, with or without their marks; the last may"
            " be a beginning"
        ),
    )
    sort = Text(
        metadata=said(
            f"{', '.join(BUILT_IN)}, or fields of the collection, with commas between; a leading - descends."
            " Without it by id; with q the best hits first. In a field of several types, numbers come before texts;"
            f" texts are in the order of code points without case, by their first {HEAD} characters"
        ),
    )
    filters = fields.Dict(
        data_key="filter",
        metadata=said(
            f"filter[field][op]=value; op is one of {', '.join(OPS)}; needs a collection. Dates are compared by time,"
            " whatever form they are written in; in a field of several types, each value by what it is"
        ),
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
    locale = Text(validate=validate.Regexp(LOCALE_PATTERN), metadata=said("a language tag in any case"))
    slug = Text()
    format = fields.String(
        load_default="md",
        validate=validate.OneOf(FORMATS),
        metadata=said("mdx makes an MDX file; its body takes articles:write-code"),
    )
    data = Map(keys=Text(), required=True)
    body = Text(load_default="")


class WholeArticle(Schema):
    data = Map(keys=Text(), required=True)
    body = Text(required=True)


class ArticlePatch(Schema):
    new_id = Text(
        data_key="id",
        metadata=said(
            "another id renames the article; the old one answers 410 from then on. Relative paths of photos follow"
        ),
    )
    data = Map(keys=Text(), metadata=said("merge patch of the front matter: null removes a field"))
    body = Text()


class Operation(Schema):
    """One step of a JSON Patch (RFC 6902)."""

    op = fields.String(required=True, validate=validate.OneOf(["add", "remove", "replace", "move", "copy", "test"]))
    path = fields.String(required=True, metadata=said("/id, /body, or below /data, as in /data/tags/0"))
    source = fields.String(data_key="from")
    value = fields.Raw()


class SaveQuery(Schema):
    message = Message()
    dry_run = fields.Boolean(load_default=False, metadata=said("check and show the diff; write nothing"))


def update_references_field() -> fields.Boolean:
    told = "have the articles that refer to it follow, at most 100, all or none; without it they keep it from being "
    return fields.Boolean(load_default=False, metadata=said(f"{told}renamed or deleted (409)"))


class DeleteQuery(MessageQuery):
    dry_run = fields.Boolean(load_default=False, metadata=said("check and show the diffs; delete nothing"))
    update_references = update_references_field()


class ChangeQuery(SaveQuery):
    update_references = update_references_field()
    draft = fields.Boolean(
        load_default=False,
        metadata=said("change the article's working copy, which is begun with it, and not what is published"),
    )


class ReferenceEdit(Schema):
    """What would change in an article that refers to the one that is renamed or deleted."""

    article = fields.String(required=True, metadata=said("collection/id"))
    path = fields.String(required=True, metadata=said("its file, below the site"))
    diff = fields.String(required=True)


class DryDeletion(Schema):
    """What a deletion would do."""

    id = fields.String(required=True)
    diff = fields.String(required=True, metadata=said("unified diff of the file"))
    edits = fields.List(fields.Nested(ReferenceEdit), required=True, metadata=said("with update_references"))


class DryRun(Schema):
    """What a save would do."""

    id = fields.String(required=True, metadata=said("the article's id as it would be"))
    diff = fields.String(required=True, metadata=said("unified diff of the file; empty when nothing would change"))
    edits = fields.List(fields.Nested(ReferenceEdit), required=True, metadata=said("with update_references"))
    warnings = fields.List(fields.Nested(FileProblem), required=True)
    version = fields.String(required=True, metadata=said("of the file as it would be"))


PUBLISHED = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("Article", "DryRun")]}
"""The article, or with dry_run what a save would do."""

SAVED = {"anyOf": [*PUBLISHED["anyOf"], {"$ref": "#/components/schemas/WorkingCopy"}]}
"""Or with draft the working copy."""
