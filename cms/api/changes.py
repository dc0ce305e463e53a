"""Route of the audit trail: every change of articles and photos, by whom, when, and which way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, request, stream_with_context

from cms.api import auth, cursors
from cms.api.collections import require_collection
from cms.api.conditional import reply
from cms.api.history import change_of
from cms.api.parsing import Blueprint, context
from cms.api.schemas import history as schemas
from cms.api.sync import NDJSON, chunks
from cms.database import audit
from cms.database import changes as log
from cms.database.audit import Asked
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.published import to_json

blp = Blueprint("changes", __name__, url_prefix="/api/v1", description="The audit trail")

SCOPE = "articles:read-drafts"


@blp.route("/changes")
@blp.arguments(schemas.AuditQuery, location="query")
@blp.response(200, schemas.AuditPage)
@blp.alt_response(
    200,
    schema={"$ref": "#/components/schemas/AuditChange"},
    content_type=NDJSON,
    description="All of them, from the cursor on, one JSON object a line; limit does not count",
)
def list_changes(query: dict[str, Any]) -> Response:
    """List the changes of articles and photos, newest first; as NDJSON (Accept: application/x-ndjson), all of them."""
    asked = _asked(query)
    before = _before(query.get("cursor"))
    if request.accept_mimetypes.best_match(["application/json", NDJSON]) == NDJSON:
        response = Response(stream_with_context(chunks(_lines(asked, before))), content_type=NDJSON)
    else:
        limit = query["limit"]
        with read(context().database) as tx:
            rows = audit.page(tx, asked, before, limit + 1)
        cursor = cursors.encode([rows[limit - 1].seq, rows[limit - 1].nonce]) if len(rows) > limit else None
        response = reply({"items": [_shown(row) for row in rows[:limit]], "next_cursor": cursor})
    response.headers["Vary"] = "Authorization, Accept"
    return response


def _before(text: str | None) -> int | None:
    """Return the seq before which the page ends; `Malformed` when the log lost that change, and gave its seq again."""
    if text is None:
        return None
    seq, nonce = cursors.decode(text, [int, str])
    with read(context().database) as tx:
        if log.nonce_at(tx, seq) != nonce:
            raise cursors.foreign()
    return int(seq)


def _asked(query: dict[str, Any]) -> Asked:
    """What is asked for, as far as the caller may see it; photos are of no collection, and need the whole scope."""
    actor, collection = auth.actor(), query.get("collection")
    collections: tuple[str, ...] | None = None
    if not actor.may(SCOPE):
        if collection is not None or query.get("subject") == "image":
            actor.require(SCOPE, collection)
        actor.require_somewhere(SCOPE)
        collections = actor.collections(SCOPE)
    require_collection(collection)
    plain = {name: query.get(name) for name in ("actor", "source", "subject", "collection", "action")}
    times = {name: query[name].timestamp() if name in query else None for name in ("since", "until")}
    return Asked(**plain, **times, is_latest=query["latest"], collections=collections)


def _lines(asked: Asked, before: int | None) -> Iterator[str]:
    with read(context().database) as tx:
        for row in audit.walk(tx, asked, before):
            yield to_json(_shown(row)) + "\n"


def _shown(row: AnyRow) -> dict[str, Any]:
    name = {"path": row.name} if row.subject == "image" else {"collection": row.collection, "id": row.name}
    return {"subject": row.subject, **name, **change_of(row)}
