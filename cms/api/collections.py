"""Routes of collections and their schemas."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Response

from cms.actions.rules import row_of
from cms.api import auth
from cms.api.cache import keep
from cms.api.conditional import respond
from cms.api.parsing import Blueprint, context
from cms.api.schemas import service as schemas
from cms.database import collections, shelves
from cms.database.engine import read
from cms.database.shelves import Shelf
from cms.database.tables import AnyRow
from cms.errors import NotFound
from cms.model.published import to_json

blp = Blueprint("collections", __name__, url_prefix="/api/v1", description="Collections and their schemas")


@blp.route("/collections")
@blp.response(200, schemas.CollectionList)
@blp.alt_response(304, description="You have it already")
def list_collections() -> Response:
    """List the collections, with how many articles each has."""
    auth.require_read()
    with read(context().database) as tx:
        on = shelves.all_of(tx)
        items = [_shown(row, on) for row in collections.all_of(tx)]
    return keep(respond(to_json({"items": items, "next_cursor": None})))


@blp.route("/collections/<collection>")
@blp.response(200, schemas.Collection)
@blp.alt_response(304, description="You have it already")
def get_collection(collection: str) -> Response:
    """Get one collection, with how many articles it has."""
    auth.require_read()
    with read(context().database) as tx:
        row = row_of(tx, collection)
        on = shelves.all_of(tx, collection)
    return keep(respond(to_json(_shown(row, on))))


@blp.route("/collections/<collection>/schema")
@blp.response(200, {"type": "object"}, content_type="application/schema+json")
@blp.alt_response(304, description="You have it already")
def get_schema(collection: str) -> Response:
    """Get the JSON Schema that Astro wrote for the collection."""
    auth.require_read()
    row = _row(collection)
    if row.schema is None:
        raise NotFound(f"{collection} has no schema; run `astro sync` in the site to write one.")
    return keep(respond(row.schema, media_type="application/schema+json"))


def require_collection(name: str | None) -> None:
    """A misspelt collection is an error, not an empty answer."""
    if name is not None:
        _row(name)


def _row(collection: str) -> AnyRow:
    with read(context().database) as tx:
        return row_of(tx, collection)


def _shown(row: AnyRow, on: dict[Shelf, int]) -> dict[str, Any]:
    counts: Counter[str] = Counter()
    for shelf, number in on.items():
        counts[shelf.status] += number if shelf.collection == row.name else 0
    shown: dict[str, Any] = {"name": row.name, "published": counts["published"]}
    if auth.actor().may("articles:read-drafts", row.name):
        shown |= {status: counts[status] for status in ("draft", "scheduled", "broken")}
    return {**shown, "has_schema": row.schema is not None}
