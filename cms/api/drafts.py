"""Routes of working copies: list, one, publish, discard. They are saved by `articles.py`."""

from __future__ import annotations

from typing import Any

from flask import Response

from cms.actions import drafts
from cms.api import auth, copies, cursors
from cms.api.articles import save_response
from cms.api.collections import require_collection
from cms.api.conditional import expected_version, preferences, reply, respond
from cms.api.parsing import Blueprint, context
from cms.api.schemas import articles
from cms.api.schemas import drafts as schemas
from cms.database import drafts as rows
from cms.database.engine import read
from cms.model.ids import Name

blp = Blueprint("drafts", __name__, url_prefix="/api/v1", description="Working copies of articles")


@blp.route("/drafts")
@blp.arguments(schemas.DraftQuery, location="query")
@blp.response(200, schemas.DraftPage)
def list_drafts(query: dict[str, Any]) -> Response:
    """List the working copies, a page at a time."""
    collections, limit = copies.collections_seen(query.get("collection")), query["limit"]
    require_collection(query.get("collection"))
    after = cursors.decode(query["cursor"], [str, str]) if "cursor" in query else None
    with read(context().database) as tx:
        found = rows.page(tx, collections, after, limit + 1)
        items = [{"collection": row.collection, "id": row.name, **copies.facts_of(tx, row)} for row in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    cursor = None if last is None else cursors.encode([last.collection, last.name])
    return reply({"items": items, "next_cursor": cursor})


@blp.route("/drafts/<collection>/<path:article_id>")
@blp.response(200, schemas.WorkingCopy)
@blp.alt_response(304, description="You have it already")
def get_draft(collection: str, article_id: str) -> Response:
    """Get an article as its working copy has it."""
    copy = drafts.find(context(), auth.actor(), Name(collection, article_id))
    return respond(copies.whole(copy), version=copy.version)


@blp.route("/drafts/<collection>/<path:article_id>", methods=["POST"])
@blp.arguments(articles.SaveQuery, location="query")
@blp.response(200, articles.PUBLISHED)
@blp.alt_response(204, description="Published; with Prefer: return=minimal")
def publish_draft(query: dict[str, Any], collection: str, article_id: str) -> Response:
    """Publish a working copy (If-Match with its own ETag): the article gets its text, and the copy goes."""
    name, actor = Name(collection, article_id), auth.actor()
    actor.require("articles:publish", collection)  # a token comes before its preconditions
    merge = "handling=merge" in preferences()
    plan = drafts.plan_publish(context(), actor, name, expected_version(), merge=merge)
    return save_response(plan, query.get("message"), dry_run=query["dry_run"])


@blp.route("/drafts/<collection>/<path:article_id>", methods=["DELETE"])
@blp.response(204)
def discard_draft(collection: str, article_id: str) -> Response:
    """Discard a working copy (If-Match with its own ETag), and the preview links to it."""
    auth.actor().require("articles:write", collection)
    drafts.discard(context(), auth.actor(), Name(collection, article_id), expected_version())
    return Response(status=204)
