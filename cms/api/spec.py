"""The OpenAPI 3.1 description, made from the routes and schemas."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import fields
from http import HTTPStatus
from typing import Any

import flask_smorest
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from cms.api import problems
from cms.api.schemas import articles, images, sync
from cms.api.schemas.common import Problem
from cms.model.limits import Limits

RENAMED = {
    "UNPROCESSABLE_ENTITY": "UNPROCESSABLE_CONTENT",
    "Unprocessable Entity": "Unprocessable Content",
    "REQUEST_ENTITY_TOO_LARGE": "CONTENT_TOO_LARGE",
}
"""What Python 3.13 calls by new names; the spec is the same on every Python."""


_SAVES = ("create_article", "put_article", "patch_article", "restore_revision", "publish_draft")
_CHANGES_OF_IMAGES = ("replace_image", "describe_image", "restore_image")
_TAGGED = (*_SAVES, *_CHANGES_OF_IMAGES)
_URGENT = (*_CHANGES_OF_IMAGES, "delete_article", "delete_image", "upload_images", "complete_upload")
_ONCE = ("create_article", "upload_images", "begin_uploads")
_HEADERS = (
    (
        "If-Match",
        "the ETag of the version you start from",
        (*_TAGGED[1:], "delete_article", "delete_image", "discard_draft"),
    ),
    ("Idempotency-Key", "of your choice; the same request with it gets the same answer, for a day", _ONCE),
    ("If-None-Match", "an ETag: 304 when nothing has changed since; with PUT, * to create", ("put_article",)),
    ("Prefer", "return=minimal; handling=merge: keep what others changed elsewhere since; urgent", _SAVES),
    ("Prefer", "urgent: webhooks are told at once, without waiting for quiet", _URGENT),
    ("Accept", "text/markdown for the file itself", ("get_article",)),
    ("Accept", "application/x-ndjson for all of them, one a line", ("list_changes",)),
)
"""Name, meaning, and the operations that take it."""

_MEANINGS = {
    400: "The request cannot be read",
    401: "The token is missing or not valid",
    403: "The token lacks the scope that this needs",
    404: "There is no such thing, or you may not know of it",
    409: "Something else is in the way; `used_by` names the articles that show a photo, or refer to the article",
    410: "It is gone, to where `moved_to` says if it has only moved; or the cursor is of no use any more",
    411: "Say how long the body is, by Content-Length",
    412: "It has changed since the version that you named; `current_version` is what is there",
    413: "It is larger than what is accepted",
    415: "It is of a type, or coded in a way, that is not accepted here",
    422: "The request was read and cannot be accepted; `errors` names every reason",
    428: "Name the version that you start from, as If-Match",
    429: "This token writes too often, or too much without a valid one came from your address; see Retry-After",
    501: "This service is not set up for that",
    503: "The storage or the database does not answer, cannot be written or is being mended (`index_rebuilding`), or "
    "too much is asked just now; try again after Retry-After. A search that takes longer than a second is "
    "`search_too_long`: search for a rarer word, or in one collection",
    507: "The disk is full; deleting works",
}
_OF_ARTICLES = ("get_article", "delete_article", "get_draft", "discard_draft", "create_preview", "confirm_translation")
_KEEPS_FOR_LATER = ("replace_image", "delete_image", "restore_image", "upload_images", "begin_uploads")
_BY_OPERATION = {
    404: (
        "list_articles",
        "list_changes",
        "sync",
        "upload_images",
        "begin_uploads",
        "list_drafts",
        "create_preview",
        "list_previews",
    ),
    410: ("sync", *_OF_ARTICLES, *_SAVES, "complete_upload", "report_build"),
    412: ("put_article", "confirm_translation"),
    413: ("complete_upload", "git_pushed"),
    501: (*_KEEPS_FOR_LATER, "complete_upload", "git_pushed"),
}
"""Errors that no rule tells, and the operations that answer them."""


class Api(flask_smorest.Api):  # type: ignore[misc]  # the package has no types
    ERROR_SCHEMA = Problem

    def handle_http_exception(self, error: HTTPException) -> Response:
        return problems.answer_http_exception(error)


def create_api(app: Flask, limits: Limits) -> Api:
    """The registry of routes; `to_text` writes down what was registered."""
    app.config.update(
        API_TITLE="Markdown CMS",
        API_VERSION="v1",
        OPENAPI_VERSION="3.1.0",
        API_SPEC_OPTIONS={
            "info": {"description": _description(limits)},
            "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
            "security": [{}, {"token": []}],
        },
    )
    api = Api(app)
    for schema in (
        articles.WholeArticle, articles.ArticlePatch, articles.Operation, images.ImagePatch,
        sync.SyncArticle, sync.SyncImage, sync.SyncDeleted, sync.SyncBroken, sync.SyncCursor,
    ):  # fmt: skip
        api.spec.components.schema(schema.__name__, schema=schema)
    app.extensions["cms-api"] = api
    return api


def to_text(app: Flask) -> str:
    """The spec as it is committed and served."""
    spec: dict[str, Any] = deepcopy(app.extensions["cms-api"].spec.to_dict())  # it lends what it keeps
    for response in spec["components"].get("responses", {}).values():
        if "application/json" in response.get("content", {}):
            response["content"] = {problems.MEDIA_TYPE: response["content"]["application/json"]}
    responses = spec["components"].setdefault("responses", {})
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for status, meaning in _MEANINGS.items():
        responses[HTTPStatus(status).name] = {"description": meaning, "content": content}
    for path, operations in spec["paths"].items():
        for method, operation in operations.items():
            if isinstance(operation, dict):
                _add_headers(operation)
                _add_errors(path, method, operation)
    text = json.dumps(spec, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    for old, new in RENAMED.items():
        text = text.replace(old, new)
    return text


def _add_headers(operation: dict[str, Any]) -> None:
    """The headers that an operation goes by; flask-smorest knows of none."""
    name, responses = operation["operationId"], operation["responses"]
    for header, description, names in _HEADERS:
        if name in names or (header == "If-None-Match" and "304" in responses):
            parameter = {"name": header, "in": "header", "schema": {"type": "string"}, "description": description}
            operation.setdefault("parameters", []).append(parameter)
    tag = {"ETag": {"schema": {"type": "string"}, "description": "names the version, to be sent as If-Match"}}
    for status in ("200", "201", "204"):
        if status in responses and ("304" in responses or name in _TAGGED):
            responses[status]["headers"] = tag


def _add_errors(path: str, method: str, operation: dict[str, Any]) -> None:
    """What can go wrong, by what the operation takes and does."""
    name, responses = operation["operationId"], operation["responses"]
    found = {400, 401, 403, 422, 429, 503}
    found |= {404} if "{" in path else set()
    found |= (
        {412, 428}
        if any(parameter.get("name") == "If-Match" for parameter in operation.get("parameters", ()))
        else set()
    )
    found |= {413} if "requestBody" in operation else set()
    found |= {409, 411, 415, 507} if method != "get" else set()
    found |= {status for status, names in _BY_OPERATION.items() if name in names}
    for status in sorted(found):
        responses.setdefault(str(status), {"$ref": f"#/components/responses/{HTTPStatus(status).name}"})


def _description(limits: Limits) -> str:
    lines = [f"- `CMS_MAX_{limit.name.upper()}`: {getattr(limits, limit.name):,}" for limit in fields(limits)]
    return "\n".join(
        [
            "JSON over the Markdown and photos of an Astro site. Errors are problem+json (RFC 9457).",
            "",
            "To change something, send its ETag as `If-Match`. Unknown parameters and fields are refused.",
            "",
            "Limits, each a setting:",
            "",
            *lines,
        ]
    )
