"""The OpenAPI 3.1 description, made from the routes and schemas."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import flask_smorest
from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from cms.api import problems, schemas
from cms.model.limits import Limits

PROBLEM = "application/problem+json"
RENAMED = {
    "UNPROCESSABLE_ENTITY": "UNPROCESSABLE_CONTENT",
    "Unprocessable Entity": "Unprocessable Content",
}
"""What Python 3.13 calls by new names; the spec is the same on every Python."""


class Api(flask_smorest.Api):  # type: ignore[misc]  # the package has no types
    ERROR_SCHEMA = schemas.Problem

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
    for name in ("WholeArticle", "ArticlePatch", "Operation"):
        api.spec.components.schema(name, schema=getattr(schemas, name))
    app.extensions["cms-api"] = api
    return api


def to_text(app: Flask) -> str:
    """The spec as it is committed and served."""
    spec: dict[str, Any] = app.extensions["cms-api"].spec.to_dict()
    for response in spec["components"].get("responses", {}).values():
        if "application/json" in response.get("content", {}):
            response["content"] = {PROBLEM: response["content"]["application/json"]}
    text = json.dumps(spec, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    for old, new in RENAMED.items():
        text = text.replace(old, new)
    return text


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
