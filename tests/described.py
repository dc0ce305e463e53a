"""Whether an answer is one that `openapi/openapi.json` describes: its status, its type, and the shape of its JSON."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

SPEC: dict[str, Any] = json.loads((Path(__file__).parents[1] / "openapi/openapi.json").read_text())
UNEXPECTED = 500
NDJSON = "application/x-ndjson"


def check(app: Flask, response: TestResponse) -> None:
    """Fails for an answer of a described route that its description lacks."""
    method = {"HEAD": "GET"}.get(response.request.method, response.request.method).lower()
    path = _path(app, response)
    operation = SPEC["paths"].get(path, {}).get(method)
    if operation is None or response.status_code == UNEXPECTED:
        return
    known = method, path, response.status_code
    what = f"{method.upper()} {path} answers {response.status_code}"
    assert str(response.status_code) in operation["responses"], f"{what}, of which the API's description says nothing"
    content = _resolved(operation["responses"][str(response.status_code)]).get("content", {})
    if not response.data:
        return
    kind = response.mimetype or ""
    assert kind in content, f"{what} as {kind}; described is {', '.join(content)}"
    if kind.endswith("json"):
        lines = response.data.splitlines() if kind == NDJSON else [response.data]
        for error in (error for line in lines for error in _validator(*known, kind).iter_errors(json.loads(line))):
            raise AssertionError(f"{what}: {list(error.instance_path)}: {error.message}")


def _path(app: Flask, response: TestResponse) -> str | None:
    """The route's path as the description has it."""
    try:
        rule, _ = app.url_map.bind_to_environ(response.request.environ).match(return_rule=True)
    except HTTPException:
        return None
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)


@cache
def _validator(method: str, path: str | None, status: int, media_type: str) -> Any:
    found = _resolved(SPEC["paths"][path][method]["responses"][str(status)])["content"][media_type]["schema"]
    return jsonschema_rs.validator_for({**SPEC, **found, "$schema": "https://json-schema.org/draft/2020-12/schema"})


def _resolved(response: dict[str, Any]) -> dict[str, Any]:
    name = response.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = SPEC["components"]["responses"][name] if name else response
    return found
