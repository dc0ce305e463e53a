"""The spec and the page that shows it; nothing on the page comes from elsewhere."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Response, current_app, send_from_directory

from cms.api.conditional import respond
from cms.api.spec import to_text

blp = Blueprint("docs", __name__)

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_SWAGGER = Path(flask_swagger_ui.__file__).parent / "dist"
_SERVED = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")


@blp.get("/api/v1/openapi.json")
def get_spec() -> Response:
    return respond(to_text(current_app))


@blp.get("/")
def get_root() -> Response:
    return Response(status=302, headers={"Location": "/docs"}, content_type="text/plain")


@blp.get("/docs")
def get_page() -> Response:
    return _own("page.html", "text/html; charset=utf-8")


@blp.get("/docs/start.js")
def get_start() -> Response:
    return _own("start.js", "text/javascript; charset=utf-8")


@blp.get("/docs/<any(" + ",".join(f"'{name}'" for name in _SERVED) + "):name>")
def get_asset(name: str) -> Response:
    return send_from_directory(_SWAGGER, name)


def _own(name: str, media_type: str) -> Response:
    response = respond((files("cms.api") / "page" / name).read_bytes(), media_type=media_type)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
