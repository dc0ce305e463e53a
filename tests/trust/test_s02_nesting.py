"""S2: JSON that is nested, however deep, is refused with 400, at each route that takes JSON."""

from __future__ import annotations

import itertools
import json

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.model.json_bounds import MOST_NESTED
from tests.api.editing import ARTICLES, MERGE_PATCH, create_text, problem
from tests.conftest import state_of

DEPTHS = (40, 63, 64, 65, 66, 100, 500, 700, 900, 960, 980, 1_000, 5_000, 100_000)
JSON_PATCH = "application/json-patch+json"
ROUTES = [
    ("POST", "/articles/news", "application/json", '{"data": %s}'),
    ("POST", "/articles/news", "application/json", '{"slug": "n", "locale": "en", "data": {"title": "t", "tags": %s}}'),
    ("PUT", "/articles/news/en/a-day", "application/json", '{"data": {"tags": %s}, "body": ""}'),
    ("PATCH", "/articles/news/en/a-day", MERGE_PATCH, '{"data": {"tags": %s}}'),
    ("PATCH", "/articles/news/en/a-day?draft=true", MERGE_PATCH, '{"data": {"tags": %s}}'),
    ("PATCH", "/articles/news/en/a-day", JSON_PATCH, '[{"op": "add", "path": "/data/tags", "value": %s}]'),
    ("PATCH", "/articles/news/en/a-day?draft=true", JSON_PATCH, '[{"op": "add", "path": "/data/k", "value": %s}]'),
    ("PATCH", "/articles/news/en/a-day", JSON_PATCH, '[{"op": "test", "path": "/data/tags", "value": %s}]'),
    ("PATCH", "/images/news/river-bus/photo-1.jpg", MERGE_PATCH, '{"alt": %s}'),
    *[
        ("POST", f"/{name}", "application/json", '{"id": %s}')
        for name in ("tokens", "webhooks", "previews", "builds", "uploads", "collections/news/translations")
    ],
]


def nested(depth: int, kind: str) -> str:
    if kind == "lists":
        return "[" * depth + "]" * depth
    if kind == "objects":
        return '{"a":' * depth + "1" + "}" * depth
    return '[{"a":' * (depth // 2) + "[]" + "}]" * (depth // 2)


@pytest.mark.parametrize("kind", ["lists", "objects", "both"])
def test_no_depth_of_nesting_is_an_error_of_the_service(
    ctx: Context, client: FlaskClient, admin: dict[str, str], kind: str
) -> None:
    etag = create_text(client, admin)
    before = state_of(ctx)
    for (method, path, media_type, text), depth in itertools.product(ROUTES, DEPTHS):
        headers, body = {**admin, "If-Match": etag}, text % nested(depth, kind)
        response = client.open(f"/api/v1{path}", method=method, data=body, headers=headers, content_type=media_type)
        found = problem(response, response.status_code)
        assert 400 <= response.status_code < 500, (path, depth, found)
        if depth > MOST_NESTED:
            assert (found["status"], found["code"]) == (400, "nested_too_deep"), (path, depth)
    assert state_of(ctx) == before
    for path in ("articles", "drafts", "tokens", "webhooks", "previews", "images"):
        assert client.get(f"/api/v1/{path}", headers=admin).status_code == 200


def test_brackets_in_texts_are_no_nesting(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    for text in ("[" * 500, '"' + "{" * 500, "\\" * 99 + "[" * 500, '\\"' + "[{" * 500, "," * 50_000):
        response = client.patch(
            f"{ARTICLES}/news/en/a-day",
            data=json.dumps({"body": text}),
            headers={**admin, "If-Match": etag},
            content_type=MERGE_PATCH,
        )
        assert response.status_code == 200, response.text
        assert response.get_json()["body"] == text
        etag = response.headers["ETag"]
