"""Routes of articles: list, one, create, change, delete."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request, url_for

from cms.actions import drafts, edit, naming, planning, removal, save
from cms.actions.answers import Claim
from cms.actions.planning import Editing
from cms.actions.save import Plan, Saved
from cms.api import auth, copies, idempotency, problems
from cms.api.article_json import file_of, json_of, whole
from cms.api.cache import keep
from cms.api.conditional import etag_of, expected_version, minimal, preferences, reply, respond, wants_new
from cms.api.headers import OF_AN_ARTICLE
from cms.api.listing import page_of
from cms.api.parsing import JSON_PATCH, MERGE_PATCH, Blueprint, context, load, strict_json
from cms.api.schemas import articles as schemas
from cms.api.wanted import Asker
from cms.database.engine import read
from cms.errors import Exists, Stale
from cms.model.ids import Name
from cms.model.published import to_json

blp = Blueprint("articles", __name__, url_prefix="/api/v1", description="Articles of all collections")

MARKDOWN = "text/markdown"
_PATCH, _WHOLE = schemas.ArticlePatch(), schemas.WholeArticle()


@blp.route("/articles")
@blp.arguments(schemas.ArticleQuery, location="query")
@blp.response(200, schemas.ArticlePage)
@blp.alt_response(304, description="You have it already")
def list_articles(query: dict[str, Any]) -> Response:
    """List articles, a page at a time."""
    auth.require_read()
    problems.set_location("query")
    with read(context().database) as tx:
        page = page_of(tx, Asker(auth.actor(), context().settings.limits), query)
    return keep(respond(page))


@blp.route("/articles/<collection>/<path:article_id>")
@blp.response(200, schemas.Article)
@blp.alt_response(200, schema={"type": "string"}, content_type=MARKDOWN, description="The file itself")
@blp.alt_response(304, description="You have it already")
def get_article(collection: str, article_id: str) -> Response:
    """Get one article, as JSON or (Accept: text/markdown) as its file."""
    auth.require_read()
    name = Name(collection, article_id)
    if _wants_file():
        with read(context().database) as tx:
            file, version = file_of(tx, auth.actor(), name)
        response = respond(file, version=version, media_type=f"{MARKDOWN}; charset=utf-8")
    else:
        with read(context().database) as tx:
            text, version = json_of(context(), tx, auth.actor(), name)
        response = respond(text, version=version)
    response.headers["Vary"] = OF_AN_ARTICLE
    return keep(response)


@blp.route("/articles/<collection>", methods=["POST"])
@blp.arguments(schemas.SaveQuery, location="query")
@blp.arguments(schemas.NewArticle)
@blp.response(201, schemas.Article)
@blp.alt_response(200, schema=schemas.DryRun, description="With dry_run: what would be saved")
def create_article(query: dict[str, Any], body: dict[str, Any], collection: str) -> Response:
    """Create an article; its id is given, or made from a slug or from the title."""
    auth.actor().require("articles:write", collection)  # a token comes before its Idempotency-Key
    extension = f".{body['format']}"

    def answer(claim: Claim | None) -> Response:
        if claim is not None and (begun := claim.begun) is not None:
            done = save.done(context(), Name(collection, begun.id), begun.version, begun.seq, extension)
            if done is not None:
                return _saved_response(Saved(done), 201)
        name = Name(collection, naming.choose_id(context(), auth.actor(), collection, body))
        plan = edit.create(context(), auth.actor(), name, body["data"], body["body"], extension)
        if claim is not None and not query["dry_run"]:
            claim.note(name.id, plan.article.version)
        return save_response(plan, query.get("message"), dry_run=query["dry_run"])

    return idempotency.once(idempotency.body_digest, answer)


@blp.route("/articles/<collection>/<path:article_id>", methods=["PUT"])
@blp.arguments(schemas.ChangeQuery, location="query")
@blp.doc(
    requestBody={
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/WholeArticle"}},
            MARKDOWN: {"schema": {"type": "string"}},
        },
    }
)
@blp.response(200, schemas.SAVED)
@blp.alt_response(201, schema=schemas.Article, description="Created")
@blp.alt_response(204, description="Saved; with Prefer: return=minimal")
def put_article(query: dict[str, Any], collection: str, article_id: str) -> Response:
    """Replace an article or its working copy (If-Match), or create one (If-None-Match: *), from JSON or its file."""
    auth.actor().require("articles:write", collection)
    name = Name(collection, article_id)
    if query["draft"]:
        return copies.save_response(_plan_copy_of_put(name, query), dry_run=query["dry_run"])
    try:
        return save_response(_plan_put(name, query), query.get("message"), dry_run=query["dry_run"])
    except Exists as error:
        # RFC 9110: the condition If-None-Match: * has failed.
        raise Stale(error.detail, code="exists") from error


@blp.route("/articles/<collection>/<path:article_id>", methods=["PATCH"])
@blp.arguments(schemas.ChangeQuery, location="query")
@blp.doc(
    requestBody={
        "required": True,
        "content": {
            MERGE_PATCH: {"schema": {"$ref": "#/components/schemas/ArticlePatch"}},
            JSON_PATCH: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Operation"}}},
        },
    }
)
@blp.response(200, schemas.SAVED)
@blp.alt_response(204, description="Saved; with Prefer: return=minimal")
def patch_article(query: dict[str, Any], collection: str, article_id: str) -> Response:
    """Change some fields, or the body, of an article or its working copy (If-Match)."""
    auth.actor().require("articles:write", collection)
    value = strict_json(request, MERGE_PATCH, JSON_PATCH)
    name = Name(collection, article_id)
    editing = _editing(name, query)
    is_json_patch = request.mimetype == JSON_PATCH
    make = edit.patch_json(name, value) if is_json_patch else edit.patch(**load(_PATCH, value))
    if query["draft"]:
        copies.check_query(query)
        return copies.save_response(drafts.plan_change(context(), editing, make), dry_run=query["dry_run"])
    plan = planning.plan_change(context(), editing, make)
    return save_response(plan, query.get("message"), dry_run=query["dry_run"])


@blp.route("/articles/<collection>/<path:article_id>", methods=["DELETE"])
@blp.arguments(schemas.DeleteQuery, location="query")
@blp.response(204)
@blp.alt_response(200, schema=schemas.DryDeletion, description="With dry_run: what would be deleted")
def delete_article(query: dict[str, Any], collection: str, article_id: str) -> Response:
    """Delete an article (If-Match) to which no other refers; its history stays."""
    auth.actor().require("articles:write", collection)
    name, update = Name(collection, article_id), query["update_references"]
    plan = removal.plan(context(), auth.actor(), name, expected_version(), update_references=update)
    if query["dry_run"]:
        return reply({"id": name.id, "diff": plan.diff, "edits": copies.edits_of(plan.edits)})
    removal.remove(context(), plan, query.get("message"))
    return Response(status=204)


def _wants_file() -> bool:
    given = request.headers.get("Accept", "*/*")
    return given != "*/*" and request.accept_mimetypes.best_match(["application/json", MARKDOWN]) == MARKDOWN


def save_response(plan: Plan, message: str | None = None, *, dry_run: bool = False) -> Response:
    """Make the save and answer with the article; or say what it would do."""
    if dry_run:
        return copies.dry_run_response(plan.article, plan.diff, plan.warnings, plan.edits)
    status = 201 if plan.before is None else 200
    return _saved_response(save.save(context(), plan, message), status, is_renamed=plan.is_rename)


def _saved_response(saved: Saved, status: int, *, is_renamed: bool = False) -> Response:
    with read(context().database) as tx:
        text = whole(context(), tx, saved.row)
    response = _representation(saved, text, status)
    response.headers["ETag"] = etag_of(saved.row.version, text.encode())
    if status == 201 or is_renamed:
        values = {"collection": saved.row.collection, "article_id": saved.row.id}
        header = "Location" if status == 201 else "Content-Location"
        response.headers[header] = url_for("articles.get_article", **values, _external=False)
    return response


def _representation(saved: Saved, text: str, status: int) -> Response:
    if "return=minimal" in preferences():
        return minimal(201 if status == 201 else 204)
    if saved.warnings:
        text = to_json({**json.loads(text), "warnings": copies.problems_of(saved.warnings)})
    return Response(text, status, content_type="application/json")


def _plan_put(name: Name, query: dict[str, Any]) -> Plan:
    actor = auth.actor()
    if request.mimetype == MARKDOWN:
        text = request.get_data()
        return (
            edit.create_text(context(), actor, name, text)
            if wants_new()
            else edit.replace_text(context(), _editing(name, query), text)
        )
    body = _whole_body()
    if wants_new():
        return edit.create(context(), actor, name, **body)
    return planning.plan_change(context(), _editing(name, query), edit.replace(**body))


def _plan_copy_of_put(name: Name, query: dict[str, Any]) -> drafts.CopyPlan:
    copies.check_query(query)
    if request.mimetype == MARKDOWN:
        return drafts.plan_text(context(), _editing(name, query), request.get_data())
    make = edit.replace(**_whole_body())
    return drafts.plan_change(context(), _editing(name, query), make)


def _whole_body() -> dict[str, Any]:
    found: dict[str, Any] = load(_WHOLE, strict_json(request, "application/json", MARKDOWN))
    return found


def _editing(name: Name, query: dict[str, Any]) -> Editing:
    auth.actor().require("articles:write", name.collection)  # a token comes before its preconditions
    merge, update = "handling=merge" in preferences(), query["update_references"]
    return Editing(auth.actor(), name, expected_version(), merge=merge, update_references=update)
