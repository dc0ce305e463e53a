"""Routes of the trash: photos that were deleted or replaced in the last 30 days."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from cms.actions import photos, trash
from cms.api import auth, cursors
from cms.api.conditional import expected_version, reply
from cms.api.images import changed
from cms.api.parsing import Blueprint, context
from cms.api.schemas import images as schemas
from cms.api.schemas.common import MessageQuery
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.published import timestamp

blp = Blueprint("trash", __name__, url_prefix="/api/v1", description="Photos that can be restored")


@blp.route("/trash")
@blp.arguments(schemas.TrashQuery, location="query")
@blp.response(200, schemas.TrashPage)
def list_trash(query: dict[str, Any]) -> Response:
    """List the photos that can be restored, the last to go first."""
    auth.actor().require("images:write")
    limit = query["limit"]
    after = cursors.decode(query["cursor"], [float, str]) if "cursor" in query else None
    with read(context().database) as tx:
        rows = trash.page(tx, auth.actor(), query.get("path"), after, limit + 1)
    cursor = cursors.encode([rows[limit - 1].time, rows[limit - 1].id]) if len(rows) > limit else None
    return reply({"items": [_shown(row) for row in rows[:limit]], "next_cursor": cursor})


@blp.route("/trash/<trash_id>", methods=["POST"])
@blp.arguments(MessageQuery, location="query")
@blp.response(200, schemas.Image)
def restore_image(query: dict[str, Any], trash_id: str) -> Response:
    """Restore a photo; If-Match where another one has its place by now."""
    auth.actor().require("images:write")
    expect = expected_version() if "If-Match" in request.headers else None
    return changed(photos.restore(context(), auth.actor(), trash_id, expect, query.get("message")))


@blp.route("/trash/<trash_id>", methods=["DELETE"])
@blp.response(204)
def purge_image(trash_id: str) -> Response:
    """Delete a photo for good."""
    auth.actor().require("images:write")
    trash.get(context(), auth.actor(), trash_id)
    trash.remove(context(), trash_id)
    return Response(status=204)


def _shown(row: AnyRow) -> dict[str, Any]:
    image = json.loads(row.json)
    told = {name: image[name] for name in ("path", "sha256", "bytes", "width", "height", "format", "placeholder")}
    times = {"time": timestamp(row.time), "expires_at": timestamp(row.time + trash.KEPT_S)}
    return {"id": row.id, **told, "reason": row.reason, "actor": row.actor, **times}
