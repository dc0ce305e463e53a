"""Routes of preview links: make, list, revoke; and what such a link shows, to whoever has it."""

from __future__ import annotations

from typing import Any

from flask import Response, url_for

from cms.actions import previews
from cms.api import auth, copies, cursors
from cms.api.collections import require_collection
from cms.api.conditional import reply
from cms.api.parsing import Blueprint, context
from cms.api.schemas import articles
from cms.api.schemas import drafts as schemas
from cms.database import clock
from cms.database import previews as rows
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.ids import Name
from cms.model.published import timestamp

blp = Blueprint("previews", __name__, url_prefix="/api/v1", description="Links to what is not published")


@blp.route("/previews")
@blp.arguments(schemas.DraftQuery, location="query")
@blp.response(200, schemas.PreviewPage)
def list_previews(query: dict[str, Any]) -> Response:
    """List the links that work, the newest first; their secrets are not kept."""
    collections, limit = copies.collections_seen(query.get("collection")), query["limit"]
    require_collection(query.get("collection"))
    after = cursors.decode(query["cursor"], [float, str]) if "cursor" in query else None
    with read(context().database) as tx:
        found = rows.page(tx, collections, clock.now(tx), after, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    cursor = None if last is None else cursors.encode([last.created_at, last.id])
    return reply({"items": [_shown(row) for row in found[:limit]], "next_cursor": cursor})


@blp.route("/previews", methods=["POST"])
@blp.arguments(schemas.NewPreview)
@blp.response(201, schemas.Preview)
def create_preview(body: dict[str, Any]) -> Response:
    """Make a link to an article's working copy, or to a draft article; it is told once."""
    name = Name(body["collection"], body["id"])
    row, secret = previews.create(context(), auth.actor(), name, body["expires_s"])
    path = url_for("previews.get_preview", preview=secret, _external=False)
    return reply({**_shown(row), "url": f"{context().settings.public_url or ''}{path}"}, 201)


@blp.route("/previews/<preview>")
@blp.response(200, articles.Article)
def get_preview(preview: str) -> Response:
    """Get the article that a link shows; the link is all that it takes."""
    response = reply(previews.show(context(), preview))
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@blp.route("/previews/<preview>", methods=["DELETE"])
@blp.response(204)
def revoke_preview(preview: str) -> Response:
    """Revoke a link, by its preview_id; it shows nothing from the next request on."""
    previews.revoke(context(), auth.actor(), preview)
    return Response(status=204)


def _shown(row: AnyRow) -> dict[str, Any]:
    return {
        "preview_id": row.id,
        "collection": row.collection,
        "id": row.name,
        "actor": row.actor,
        "created_at": timestamp(row.created_at),
        "expires_at": timestamp(row.expires_at),
    }
