"""The site's own rules for one collection: its schema, and which values are dates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cms.context import Context
from cms.database import collections
from cms.database.engine import read
from cms.errors import NotFound, Problem
from cms.model.article import Article, json_form
from cms.model.document import Document
from cms.model.field import Field, fields_of
from cms.model.merge import Revive, Where
from cms.model.pointer import pointer
from cms.model.schema import Schema, to_date


@dataclass(frozen=True, slots=True)
class Rules:
    """`schema` is None where Astro wrote none: then every field is accepted."""

    collection: str
    schema: Schema | None

    def problems(self, article: Article, known: Iterable[str] = ()) -> list[Problem]:
        """What the site would not accept; keys in `known` were in the file before."""
        if self.schema is None or article.status == "broken":
            return []
        return self.schema.problems(article.data, known=known)

    def revive(self, value: Any, where: Where) -> Any:
        """A JSON value as it is to be written: a date in a date's place."""
        is_date = self.schema is not None and isinstance(value, str) and self.schema.is_date(where)
        return to_date(value) if is_date else value

    def reviving(self, before: Document) -> Revive:
        """As `revive`; what was a date in the file stays one, schema or not."""
        dates = set(json_form(before.data)[1])

        def revive(value: Any, where: Where) -> Any:
            return to_date(value) if isinstance(value, str) and pointer(*where) in dates else self.revive(value, where)

        return revive


def rules_of(ctx: Context, collection: str) -> Rules:
    """`NotFound` when the site has no such collection."""
    with read(ctx.database) as tx:
        row = collections.get(tx, collection)
    if row is None:
        raise NotFound(f"There is no collection {collection}.")
    return Rules(collection, schema_of(row.schema))


def fields_of_collection(ctx: Context, collection: str) -> dict[str, Field]:
    """The fields that lists of the collection may be filtered and sorted by."""
    schema = rules_of(ctx, collection).schema
    return {} if schema is None else fields_of(schema)


def schema_of(text: str | None) -> Schema | None:
    """A schema that cannot be read rules nothing; `cms check` names it."""
    try:
        return None if text is None else Schema(text)
    except ValueError:
        return None
