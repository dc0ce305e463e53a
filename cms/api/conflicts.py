"""Routes of conflicts between editors' saves and developers' commits."""

from __future__ import annotations

from typing import Any

from flask import Response
from sqlalchemy import Connection

from cms.actions import conflicts as deciding
from cms.api import auth
from cms.api.conditional import reply_list
from cms.api.parsing import Blueprint, context
from cms.api.schemas import git as schemas
from cms.database import articles, conflicts
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.published import timestamp

blp = Blueprint("conflicts", __name__, url_prefix="/api/v1", description="What an editor and a developer changed both")


@blp.route("/conflicts")
@blp.response(200, schemas.ConflictList)
def list_conflicts() -> Response:
    """List the conflicts with git, each with both texts; the next save of the article decides it."""
    auth.actor().require("articles:read-drafts")
    with read(context().database) as tx:
        return reply_list([_shown(tx, row) for row in conflicts.all_of(tx)])


@blp.route("/conflicts/<path:path>", methods=["DELETE"])
@blp.response(204)
def settle_conflict(path: str) -> Response:
    """Settle a conflict: the file stays as the site has it."""
    deciding.keep_ours(context(), auth.actor(), path)
    return Response(status=204)


def _shown(tx: Connection, row: AnyRow) -> dict[str, Any]:
    article = None if row.key is None else articles.by_key(tx, row.key)
    return {
        "path": row.path,
        "article": None if article is None else f"{article.collection}/{article.id}",
        "time": timestamp(row.time),
        "author": row.author,
        "commit": row.commit_id,
        **{side: _text(getattr(row, side)) for side in ("base", "ours", "theirs")},
    }


def _text(data: bytes | None) -> str | None:
    try:
        return None if data is None else bytes(data).decode()
    except UnicodeDecodeError:
        return None
