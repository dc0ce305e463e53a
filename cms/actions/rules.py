"""The site's own rules for one collection: its schema, its annotation, and which values are dates."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection

from cms.context import Context
from cms.database import collections
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import NotFound
from cms.model import annotation as annotation_file
from cms.model import article as article_file
from cms.model.annotation import NONE, Annotation
from cms.model.article import Article, json_form
from cms.model.document import Document
from cms.model.field import Field, fields_of
from cms.model.locales import Named
from cms.model.merge import Revive
from cms.model.pointer import Where, place, pointer
from cms.model.references import NO_REFERENCES, ReferenceFields, shaped_by
from cms.model.schema import Schema, to_date
from cms.store.base import version_of

KEPT = 64
"""Schemas and annotations that were read are kept, so many: reading one takes longer than what it is read for."""


@dataclass(frozen=True, slots=True)
class Rules:
    """`schema` is None where Astro wrote none: then every field is accepted. `unreadable` says what is wrong with the
    files that hold the rules; what cannot be read rules nothing."""

    collection: str
    schema: Schema | None = None
    annotation: Annotation = NONE
    references: ReferenceFields = NO_REFERENCES
    unreadable: tuple[str, ...] = ()

    def revive(self, value: Any, where: Where) -> Any:
        """A JSON value as it is to be written: a date in a date's place."""
        is_date = self.schema is not None and isinstance(value, str) and self.schema.is_date(where)
        return to_date(value) if is_date else value

    def takes_dates(self, where: Where) -> bool:
        """Whether a date may stand at this place."""
        return self.schema is None or self.schema.takes_dates(where)

    def takes_only_dates(self, where: Where) -> bool:
        """Whether dates may stand at this place, and no texts or numbers unless they are taken for dates."""
        return self.schema is not None and self.schema.takes_only_dates(where)

    def reviving(self, before: Document) -> Revive:
        """As `revive`; where the file has dates there will be dates, unless the schema takes none there."""
        dates = {place(found) for found in json_form(before.data)[1]}

        def revive(value: Any, where: Where) -> Any:
            is_date = isinstance(value, str) and place(pointer(*where)) in dates and self.takes_dates(where)
            return to_date(value) if is_date else self.revive(value, where)

        return revive


def rules_of(ctx: Context, collection: str) -> Rules:
    """`NotFound` when the site has no such collection."""
    with read(ctx.database) as tx:
        return rules_in(row_of(tx, collection))


def rules_in(row: AnyRow) -> Rules:
    """The rules that a collection's row holds."""
    schema, shaped, unreadable = None, frozenset[str](), []
    try:
        if row.schema is not None:
            _fields(row.schema)
            schema, shaped = _schema(row.schema), _shaped(row.schema)
    except (ValueError, RecursionError):
        unreadable.append("its schema cannot be read; run `astro sync` again")
    try:
        annotation = annotation_in(row)
    except ValueError as error:
        annotation = NONE
        unreadable.append(f"its annotation ({row.name}.cms.json) cannot be read: {error}")
    references = ReferenceFields(annotation.references, shaped)
    return Rules(row.name, schema, annotation, references, tuple(unreadable))


def annotation_in(row: AnyRow | None) -> Annotation:
    """The annotation that a collection's row holds; raises ValueError that names what is wrong with it."""
    try:
        return NONE if row is None or row.annotation is None else _annotation(row.annotation)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def locales_in(row: AnyRow | None) -> Named:
    """Return the locales that the annotation in a collection's row names; None while nobody can read it."""
    try:
        return annotation_in(row).locales
    except ValueError:
        return None


def read_article(ctx: Context, key: str, data: bytes) -> Article:
    """Return the article in the bytes of the file at the key, to which no rules are applied yet; one that cannot be
    read is broken."""
    return article_file.read(key, data, version_of(data), ctx.settings.limits)


def judged(ctx: Context, rules: Rules, article: Article) -> Article:
    """Return the article with the locale and the status that the rules give it now."""
    return article_file.judged(article, rules.annotation, ctx.settings.zone, ctx.clock())


def judged_now(ctx: Context, row: AnyRow | None, article: Article, *, was_seen: bool) -> Article:
    """Return the article with the locale and the status that its collection's annotation, in this row, gives it now;
    while nobody can read that, nothing is published that was not."""
    try:
        annotation = annotation_in(row)
    except ValueError:
        found = article_file.judged(article, NONE, ctx.settings.zone, ctx.clock())
        return dataclasses.replace(found, status="draft") if found.is_visible and not was_seen else found
    return article_file.judged(article, annotation, ctx.settings.zone, ctx.clock())


def row_of(tx: Connection, collection: str) -> AnyRow:
    """`NotFound` when the site has no such collection."""
    row = collections.get(tx, collection)
    if row is None:
        raise NotFound(f"There is no collection {collection}.")
    return row


def fields_in(row: AnyRow | None) -> Mapping[str, Field]:
    """The fields of a collection's schema, by which its lists may be filtered and sorted; none while nobody can read
    it."""
    return {} if row is None else fields_of_text(row.schema)


def fields_of_text(schema: str | None) -> Mapping[str, Field]:
    """Return the fields of a schema, given as text; none when it cannot be read."""
    try:
        return {} if schema is None else _fields(schema)
    except (ValueError, RecursionError):
        return {}


@lru_cache(maxsize=KEPT)
def _schema(text: str) -> Schema:
    return Schema(text)


@lru_cache(maxsize=KEPT)
def _shaped(text: str) -> frozenset[str]:
    return shaped_by(_schema(text))


@lru_cache(maxsize=KEPT)
def _annotation(text: str) -> Annotation:
    return annotation_file.read(text)


@lru_cache(maxsize=KEPT)
def _fields(text: str) -> Mapping[str, Field]:
    return fields_of(_schema(text))
