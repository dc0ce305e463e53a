"""The OpenAPI 3.1 description, made from the routes and schemas."""

from __future__ import annotations

import json
from dataclasses import fields
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
}
"""What Python 3.13 calls by new names; the spec is the same on every Python."""


_SAVES = ("create_article", "put_article", "patch_article", "restore_revision")
_CHANGES_OF_IMAGES = ("replace_image", "describe_image", "restore_image")
_TAGGED = (*_SAVES, *_CHANGES_OF_IMAGES)
_URGENT = (*_CHANGES_OF_IMAGES, "delete_article", "delete_image", "upload_images", "complete_upload")
_ONCE = ("create_article", "upload_images", "begin_uploads")
_HEADERS = (
    ("If-Match", "the ETag of the version you start from", (*_TAGGED[1:], "delete_article", "delete_image")),
    ("Idempotency-Key", "of your choice; the same request with it gets the same answer, for a day", _ONCE),
    ("If-None-Match", "an ETag: 304 when nothing has changed since; with PUT, * to create", ("put_article",)),
    ("Prefer", "return=minimal; handling=merge: keep what others changed elsewhere since; urgent", _SAVES),
    ("Prefer", "urgent: webhooks are told at once, without waiting for quiet", _URGENT),
    ("Accept", "text/markdown for the file itself", ("get_article",)),
)
"""Name, meaning, and the operations that take it."""


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
        sync.SyncArticle, sync.SyncImage, sync.SyncDeleted, sync.SyncCursor,
    ):  # fmt: skip
        api.spec.components.schema(schema.__name__, schema=schema)
    app.extensions["cms-api"] = api
    return api


def to_text(app: Flask) -> str:
    """The spec as it is committed and served."""
    spec: dict[str, Any] = app.extensions["cms-api"].spec.to_dict()
    for response in spec["components"].get("responses", {}).values():
        if "application/json" in response.get("content", {}):
            response["content"] = {problems.MEDIA_TYPE: response["content"]["application/json"]}
    for operations in spec["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                _add_headers(operation)
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
