"""Finds what is wrong with the content of a site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection

from cms.actions.rules import schema_of
from cms.context import Context
from cms.database import articles, collections, images
from cms.database.engine import read
from cms.database.tables import AnyRow

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is the file's, below the site; `pointer` leads to the place in the article."""

    severity: Severity
    path: str
    pointer: str
    detail: str
    code: str


def check(ctx: Context) -> list[Finding]:
    """All findings, in the order of files."""
    with read(ctx.database) as tx:
        found = [*_broken(tx), *_missing_photos(tx), *_against_rules(tx)]
    return sorted(found, key=lambda finding: (finding.path, finding.pointer, finding.code))


def _broken(tx: Connection) -> Iterator[Finding]:
    for key, problems in articles.problems(tx):
        for problem in problems:
            yield Finding("error", key, problem.pointer, problem.detail, problem.code)


def _missing_photos(tx: Connection) -> Iterator[Finding]:
    for key, path in images.missing(tx):
        yield Finding("error", key, "", f"shows the photo {path}, which is not there", "image_missing")


def _against_rules(tx: Connection) -> Iterator[Finding]:
    for collection in collections.all_of(tx):
        schema = schema_of(collection.schema)
        if schema is None:
            if collection.schema is not None:
                detail = "its schema cannot be read; run `astro sync` again"
                yield Finding("error", f"src/content/{collection.name}", "", detail, "schema_unreadable")
            continue
        for row in _all(tx, collection.name):
            for problem in schema.problems(json.loads(row.json)["data"]):
                # Zod drops keys it does not know: the site builds all the same.
                severity: Severity = "warning" if problem.code == "unknown_field" else "error"
                yield Finding(severity, row.key, problem.pointer, problem.detail, problem.code)


def _all(tx: Connection, collection: str) -> Iterator[AnyRow]:
    return articles.changed_since(tx, -1, collection, drafts=True)
