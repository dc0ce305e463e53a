"""How working copies are shown, and who may see them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import Response, request, url_for
from sqlalchemy import Connection

from cms.actions import drafts
from cms.actions.drafts import CopyPlan
from cms.actions.references import Edit
from cms.api import auth, problems
from cms.api.conditional import etag_of, minimal, preferences, reply
from cms.api.parsing import context
from cms.database import articles
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import Invalid, Problem
from cms.model.article import Article
from cms.model.ids import Name
from cms.model.published import timestamp, to_json


def collections_seen(collection: str | None) -> tuple[str, ...] | None:
    """The collections of which the caller asks for what is not public, and may; None for all."""
    actor = auth.actor()
    if collection is not None:
        actor.require("articles:read-drafts", collection)
        return (collection,)
    actor.require_somewhere("articles:read-drafts")
    return None if actor.may("articles:read-drafts") else actor.collections("articles:read-drafts")


def facts_of(tx: Connection, copy: AnyRow) -> dict[str, Any]:
    """What is told of a working copy beside what it says."""
    row = articles.get(tx, Name(copy.collection, copy.name))
    current = None if row is None else row.version
    return {
        "version": copy.version,
        "base_version": copy.base_version,
        "current_version": current,
        "is_stale": current != copy.base_version,
        "warnings": json.loads(copy.warnings),
        "actor": copy.actor,
        "updated_at": timestamp(copy.time),
    }


def whole(copy: AnyRow) -> str:
    """The JSON of the article as it would be, and of the copy."""
    with read(context().database) as tx:
        return to_json({**drafts.document_of(context(), tx, copy), **facts_of(tx, copy)})


def check_query(query: dict[str, Any]) -> None:
    """Refuse what a working copy has no use for, instead of dropping it."""
    if "message" in query:
        problems.set_location("query")
        problem = Problem("/message", "say it when you publish; a working copy has no history", "draft")
        raise Invalid("A working copy takes no message.", problems=[problem])
    if query["update_references"]:
        problems.set_location("query")
        problem = Problem("/update_references", "rename the article itself; a working copy keeps its id", "draft")
        raise Invalid("A working copy changes no other article.", problems=[problem])
    if "If-None-Match" in request.headers:
        detail = "A working copy begins with an article that is there; send its ETag as If-Match."
        raise Invalid(f"{detail} A new article is hidden by `draft: true` in its front matter.", code="if_none_match")


def save_response(plan: CopyPlan, *, dry_run: bool) -> Response:
    """Keep the working copy and answer with it; or say what that would change."""
    if dry_run:
        return dry_run_response(plan.article, plan.diff, plan.warnings)
    copy = drafts.save(context(), plan)
    text = whole(copy)
    is_minimal = "return=minimal" in preferences()
    response = minimal() if is_minimal else Response(text, content_type="application/json")
    response.headers["ETag"] = etag_of(copy.version, text.encode())
    values = {"collection": copy.collection, "article_id": copy.name}
    response.headers["Content-Location"] = url_for("drafts.get_draft", **values, _external=False)
    return response


def dry_run_response(article: Article, diff: str, warnings: Sequence[Problem], edits: Sequence[Edit] = ()) -> Response:
    """What a save would do."""
    found = {"diff": diff, "warnings": problems_of(warnings), "version": article.version, "id": article.id}
    return reply({**found, "edits": edits_of(edits)})


def edits_of(edits: Sequence[Edit]) -> list[dict[str, str]]:
    """Return what would change in other articles."""
    return [{"article": str(edit.article.name), "path": edit.key, "diff": edit.diff} for edit in edits]


def problems_of(found: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"pointer": p.pointer, "detail": p.detail, "code": p.code} for p in found]
