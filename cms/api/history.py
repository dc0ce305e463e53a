"""Routes of an article's history: its revisions, one of them, and restoring it."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from cms.actions import edit
from cms.api import auth
from cms.api.articles import save_response
from cms.api.conditional import expected_version, respond
from cms.api.parsing import Blueprint, context
from cms.api.schemas import articles
from cms.api.schemas import history as schemas
from cms.database import history
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import Malformed, NotFound
from cms.model.file_diff import unified_diff
from cms.model.ids import Name
from cms.model.published import timestamp, to_json

blp = Blueprint("history", __name__, url_prefix="/api/v1", description="What happened to articles")


@blp.route("/history/<collection>/<path:article_id>")
@blp.arguments(schemas.HistoryQuery, location="query")
@blp.response(200, schemas.ChangePage)
def get_history(query: dict[str, Any], collection: str, article_id: str) -> Response:
    """List an article's revisions, newest first; with seq, get that one with its text and what it changed."""
    auth.actor().require("articles:read-drafts", collection)
    name, limit = Name(collection, article_id), query["limit"]
    with read(context().database) as tx:
        if "seq" in query:
            row = history.one(tx, name, query["seq"])
            rows = [] if row is None else [row]
            items = [_detailed(row, history.before(tx, name, row)) for row in rows]
        else:
            rows = history.page(tx, name, before=_before(query), limit=limit + 1)
            items = [change_of(row) for row in rows[:limit]]
    if not rows:
        raise NotFound(f"There is no such revision of {name}.")
    cursor = str(rows[limit - 1].seq) if len(rows) > limit else None
    return respond(to_json({"items": items, "next_cursor": cursor}))


@blp.route("/history/<collection>/<path:article_id>", methods=["POST"])
@blp.arguments(schemas.RestoreQuery, location="query")
@blp.response(200, articles.Article)
@blp.alt_response(201, schema=articles.Article, description="It was deleted, and is there again")
def restore_revision(query: dict[str, Any], collection: str, article_id: str) -> Response:
    """Restore an article as a revision left it, or as it was when deleted (If-Match, unless it is deleted now)."""
    auth.actor().require("articles:read-drafts", collection)
    expect = expected_version() if "If-Match" in request.headers else None
    name = Name(collection, article_id)
    update = query["update_references"]
    plan = edit.restore(context(), auth.actor(), name, expect, query["seq"], update_references=update)
    return save_response(plan, query.get("message"))


def _before(query: dict[str, Any]) -> int | None:
    text = query.get("cursor")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Malformed("This cursor belongs to no such list; start again without one.", code="cursor")
    return int(text)


def change_of(row: AnyRow) -> dict[str, Any]:
    """What a change tells, without its text."""
    names = ("seq", "actor", "source", "action", "version", "visible_before", "visible_after")
    shown = {**{name: getattr(row, name) for name in names}, "time": timestamp(row.time)}
    if row.message is not None:
        shown["message"] = row.message
    if row.purged_at is not None:
        shown["purged_at"] = timestamp(row.purged_at)
    if row.other is None:
        return shown
    other = "renamed_from" if row.action == "created" else "renamed_to"
    return {**shown, "action": "renamed", other: row.other}


def _detailed(row: AnyRow, before: AnyRow | None) -> dict[str, Any]:
    shown = {**change_of(row), "text": _text(row)}
    if row.purged_at is not None or (before is not None and before.purged_at is not None):
        return shown
    return {**shown, "diff": unified_diff(None if before is None else before.text, row.text, row.key)}


def _text(row: AnyRow) -> str | None:
    if row.text is None:
        return None
    try:
        return bytes(row.text).decode()
    except UnicodeDecodeError:
        return None
