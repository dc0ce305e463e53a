"""The audit trail: every change, by whom, when, and which way; and what was deleted can be found and restored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.database import audit
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import bearer, both_databases

CHANGES = "/api/v1/changes"
NAME = "news/en/a-day"


def told(client: FlaskClient, headers: dict[str, str], **query: Any) -> list[dict[str, Any]]:
    """All of them, page after page."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        response = client.get(CHANGES, query_string={**query, **cursor}, headers=headers)
        assert response.status_code == 200, response.text
        page = response.get_json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def brief(items: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(item["action"], item["subject"], item.get("id") or item["path"]) for item in items]


def make_history(client: FlaskClient, headers: dict[str, str]) -> str:
    """An article made, changed, renamed, and a photo uploaded and deleted; returns the photo's path."""
    etag = create_text(client, headers)
    etag = patch(client, headers, NAME, etag, {"data": {"title": "One"}}).headers["ETag"]
    patch(client, headers, NAME, etag, {"id": "en/b-day"})
    (item,) = send(client, headers, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    path: str = item["path"]
    tag = client.get(f"{IMAGES}/{path}").headers["ETag"]
    assert client.delete(f"{IMAGES}/{path}", headers={**headers, "If-Match": tag}).status_code == 204
    return path


@both_databases
def test_every_change_is_told_newest_first_and_page_by_page(client: FlaskClient, admin: dict[str, str]) -> None:
    path = make_history(client, admin)
    items = told(client, admin, actor="editor", limit=2)
    assert brief(items) == [
        ("deleted", "image", path), ("created", "image", path), ("renamed", "article", "en/b-day"),
        ("renamed", "article", "en/a-day"), ("updated", "article", "en/a-day"), ("created", "article", "en/a-day"),
    ]  # fmt: skip
    assert [item["seq"] for item in items] == sorted((item["seq"] for item in items), reverse=True)
    assert {(item["actor"], item["source"]) for item in items} == {("editor", "api")}
    assert (items[2]["renamed_from"], items[3]["renamed_to"]) == ("en/a-day", "en/b-day")
    assert "text" not in items[-1]
    assert len(told(client, admin, limit=100)) > len(items)


@both_databases
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"subject": "image"}, ["a.jpg", "a.jpg"]), ({"collection": "news"}, ["b-day", "a-day", "a-day", "a-day"]),
        ({"collection": "places"}, []), ({"action": "renamed"}, ["b-day", "a-day"]), ({"action": "updated"}, ["a-day"]),
        ({"action": "deleted"}, ["a.jpg"]), ({"action": "deleted", "subject": "article"}, []),
        ({"source": "git"}, []), ({"source": "api", "latest": "true"}, ["a.jpg", "b-day", "a-day"]),
        ({"since": "2999-01-01T00:00:00Z"}, []), ({"until": "2001-01-01T00:00:00+07:00"}, []),
    ],
)  # fmt: skip
def test_the_trail_is_narrowed(
    client: FlaskClient, admin: dict[str, str], query: dict[str, str], expected: list[str]
) -> None:
    make_history(client, admin)
    items = told(client, admin, actor="editor", **query)
    assert [(item.get("id") or item["path"]).rpartition("/")[2] for item in items] == expected


def test_since_and_until_part_the_trail(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    moment = datetime.now(UTC).isoformat()
    patch(client, admin, NAME, etag, {"body": "Later.\n"})
    assert [item["action"] for item in told(client, admin, actor="editor", until=moment)] == ["created"]
    assert [item["action"] for item in told(client, admin, actor="editor", since=moment)] == ["updated"]


@both_databases
def test_all_of_it_is_exported_as_lines(
    client: FlaskClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_history(client, admin)
    monkeypatch.setattr(audit, "STEP", 3)
    response = client.get(f"{CHANGES}?limit=1", headers={**admin, "Accept": "application/x-ndjson"})
    assert response.content_type == "application/x-ndjson"
    assert [json.loads(line) for line in response.text.splitlines()] == told(client, admin, limit=100)


@both_databases
def test_what_was_deleted_is_listed_and_restored(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    assert client.delete(f"{ARTICLES}/{NAME}", headers={**admin, "If-Match": etag}).status_code == 204
    query = {"action": "deleted", "subject": "article", "latest": "true"}
    (gone,) = told(client, admin, **query)
    assert (gone["collection"], gone["id"], gone["actor"]) == ("news", "en/a-day", "editor")
    restored = client.post(f"/api/v1/history/{gone['collection']}/{gone['id']}?seq={gone['seq']}", headers=admin)
    assert restored.status_code == 201, restored.text
    assert client.get(f"{ARTICLES}/{NAME}", headers={"Accept": "text/markdown"}).text == TEXT
    assert told(client, admin, **query) == []
    assert told(client, admin, action="deleted", subject="article") == [gone]


def test_the_trail_is_for_those_who_may_read_drafts(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    make_history(client, admin)
    problem(client.get(CHANGES), 401)
    problem(client.get(CHANGES, headers=bearer(ctx, "read", "articles:write")), 403)
    own = bearer(ctx, "articles:read-drafts:news")
    for query in ({"collection": "places"}, {"subject": "image"}):
        problem(client.get(CHANGES, query_string=query, headers=own), 403)
    assert {(item["subject"], item["collection"]) for item in told(client, own)} == {("article", "news")}
    lines = client.get(CHANGES, headers={**own, "Accept": "application/x-ndjson"}).text.splitlines()
    assert {json.loads(line)["subject"] for line in lines} == {"article"}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"cursor": "x"}, 400), ({"cursor": "WyJhIl0"}, 400), ({"limit": "0"}, 422), ({"limit": "101"}, 422),
        ({"action": "renames"}, 422), ({"source": "x"}, 422), ({"subject": "x"}, 422), ({"since": "yesterday"}, 422),
        ({"until": "2026-01-01T00:00:00"}, 422), ({"latest": "x"}, 422), ({"more": "x"}, 422),
        ({"collection": "never"}, 404),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(
    client: FlaskClient, admin: dict[str, str], query: dict[str, str], status: int
) -> None:
    problem(client.get(CHANGES, query_string=query, headers=admin), status)
