"""Routes of collections and their schemas."""

from __future__ import annotations

from typing import Any

from flask import Response

from cms.api import auth
from cms.api.cache import keep
from cms.api.conditional import respond
from cms.api.parsing import Blueprint, context
from cms.api.schemas import service as schemas
from cms.database import articles, collections
from cms.database.engine import read
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
        counts = articles.counts(tx)
        items = [_shown(row, counts.get(row.name, {})) for row in collections.all_of(tx)]
    return keep(respond(to_json({"items": items, "next_cursor": None})))


@blp.route("/collections/<collection>")
@blp.response(200, schemas.Collection)
@blp.alt_response(304, description="You have it already")
def get_collection(collection: str) -> Response:
    """Get one collection, with how many articles it has."""
    auth.require_read()
    row = _row(collection)
    with read(context().database) as tx:
        counts = articles.counts(tx)
    return keep(respond(to_json(_shown(row, counts.get(collection, {})))))


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
        row = collections.get(tx, collection)
    if row is None:
        raise NotFound(f"There is no collection {collection}.")
    return row


def _shown(row: AnyRow, counts: dict[str, int]) -> dict[str, Any]:
    shown: dict[str, Any] = {"name": row.name, "published": counts.get("published", 0)}
    if auth.actor().may("articles:read-drafts", row.name):
        shown |= {status: counts.get(status, 0) for status in ("draft", "scheduled", "broken")}
    return {**shown, "has_schema": row.schema is not None}
