"""JSON Patch through the API."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, problem
from tests.conftest import reconcile, site_of, state_of

NAME = "news/en/a-day"
JSON_PATCH = "application/json-patch+json"


def patch(client: FlaskClient, headers: dict[str, str], name: str, etag: str, operations: Any) -> TestResponse:
    sent = {**headers, "If-Match": etag}
    return client.patch(f"{ARTICLES}/{name}", json=operations, headers=sent, content_type=JSON_PATCH)


def test_operations_change_the_lines_they_mean(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    operations = [
        {"op": "test", "path": "/data/author", "value": "Reading Room"},
        {"op": "replace", "path": "/data/author", "value": "Front Desk"},
        {"op": "replace", "path": "/data/date", "value": "2025-07-01"},
        {"op": "remove", "path": "/data/image"},
        {"op": "add", "path": "/data/tags/-", "value": "evening"},
    ]
    response = patch(client, admin, NAME, etag, operations)
    assert response.status_code == 200, response.text
    assert response.get_json()["dates"] == ["/date"]
    expected = TEXT.replace("Reading Room", "Front Desk").replace("2025-06-24", "2025-07-01")
    expected = expected.replace('image: "@/assets/news/river-bus/photo-1.jpg"\n', "").replace(
        '"open day"]', '"open day", "evening"]'
    )
    assert (site_of(ctx) / f"src/content/{NAME}.md").read_text() == expected


def test_the_body_is_patched_as_a_whole(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    response = patch(client, admin, NAME, etag, [{"op": "replace", "path": "/body", "value": "New.\n"}])
    assert response.get_json()["body"] == "New.\n"


@pytest.mark.parametrize(
    "operations",
    [
        {}, "x", [1], [{}], [{"op": "replace"}], [{"op": "jump", "path": "/data/title"}],
        [{"op": "replace", "path": "/data/title"}], [{"op": "replace", "path": "/data/nothing", "value": 1}],
        [{"op": "remove", "path": "/data/tags/9"}], [{"op": "remove", "path": "/data/tags/x"}],
        [{"op": "add", "path": "/status", "value": "draft"}], [{"op": "add", "path": "", "value": {}}],
        [{"op": "remove", "path": "/data"}], [{"op": "remove", "path": "/body"}],
        [{"op": "replace", "path": "/body", "value": 1}], [{"op": "replace", "path": "/data", "value": []}],
        [{"op": "move", "from": "/id", "path": "/data/x"}], [{"op": "copy", "path": "/data/x"}],
        [{"op": "test", "path": "/data/title", "value": "other"}], [{"op": "add", "path": "/data/~2", "value": 1}],
        [{"op": "add", "path": "/data/title/x", "value": 1}], [{"op": "replace", "path": "/data/title", "value": 5}],
        [{"op": "replace", "path": "/data/title", "value": "ok"}, {"op": "remove", "path": "/data/nothing"}],
        [{"op": "test", "path": "/data/title", "value": "A day at the library"}] * 101,
        [{"op": "add", "path": "/data/title", "value": b"a\\u0000".decode("unicode_escape")}],
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_applied_changes_nothing(
    client: FlaskClient, admin: dict[str, str], ctx: Context, operations: Any
) -> None:
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    assert problem(patch(client, admin, NAME, etag, operations), 422)["errors"]
    assert state_of(ctx) == before
