"""Dry runs, short answers, and two editors at once."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, MERGE_PATCH, TEXT, create_text, problem
from tests.conftest import reconcile, site_of, state_of

NAME = "news/en/a-day"
URL = f"{ARTICLES}/{NAME}"
GOOD = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}


def patch(client: FlaskClient, headers: dict[str, str], etag: str, body: Any, prefer: str = "", query: str = "") -> Any:
    sent = {**headers, "If-Match": etag, **({"Prefer": prefer} if prefer else {})}
    return client.patch(URL + query, json=body, headers=sent, content_type=MERGE_PATCH)


def test_a_dry_run_shows_the_diff_and_writes_nothing(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    shown = patch(client, admin, etag, {"data": {"author": "Me"}}, query="?dry_run=true").get_json()
    changed = [line for line in shown["diff"].splitlines() if line[0] in "+-" and line[:3] not in ("---", "+++")]
    assert changed == ["-author: Reading Room", "+author: Me"]
    assert shown["warnings"] == []
    assert patch(client, admin, etag, {"data": {}}, query="?dry_run=true").get_json()["diff"] == ""
    problem(patch(client, admin, etag, {"data": {"title": 1}}, query="?dry_run=true"), 422)
    new = client.post(f"{ARTICLES}/news?dry_run=true", json={"id": "en/new", "data": GOOD}, headers=admin)
    assert new.status_code == 200
    assert "+title: t\n" in new.get_json()["diff"]
    taken = client.post(f"{ARTICLES}/news?dry_run=true", json={"id": "en/a-day", "data": GOOD}, headers=admin)
    problem(taken, 409)
    headers = {**admin, "If-Match": etag}
    text = TEXT.replace("First", "Last")
    put = client.put(f"{URL}?dry_run=true", data=text.encode(), headers=headers, content_type="text/markdown")
    assert "+Last paragraph.\n" in put.get_json()["diff"]
    assert state_of(ctx) == before
    saved = patch(client, admin, etag, {"data": {"author": "Me"}})
    assert saved.get_json()["version"] == shown["version"]


def test_a_short_answer_has_the_tag_and_no_body(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    short = patch(client, admin, etag, {"data": {"author": "Me"}}, prefer="return=minimal")
    assert (short.status_code, short.data) == (204, b"")
    assert short.headers["Preference-Applied"] == "return=minimal"
    assert short.headers["ETag"] == client.get(URL).headers["ETag"]
    headers = {**admin, "Prefer": "return=minimal, wait=10"}
    made = client.post(f"{ARTICLES}/news", json={"id": "en/new", "data": GOOD}, headers=headers)
    assert (made.status_code, made.data) == (201, b"")
    assert made.headers["Location"] == "/api/v1/articles/news/en/new"
    whole = patch(client, admin, short.headers["ETag"], {"data": {"author": "You"}}, prefer="return=representation")
    assert whole.get_json()["data"]["author"] == "You"


def test_the_second_editor_learns_what_changed(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    body = {"data": {"author": "First", "image": None, "draft": False}, "body": "New.\n"}
    current = patch(client, admin, etag, body).headers["ETag"]
    found = problem(patch(client, admin, etag, {"data": {"title": "Second"}}), 412, "stale")
    assert found["changed"] == ["/data/author", "/data/image", "/data/draft", "/body"]
    assert found["current_version"] == current[1:65]
    unknown = problem(patch(client, admin, '"' + "0" * 64 + '-"', {"data": {"title": "Third"}}), 412)
    assert "changed" not in unknown


def test_changes_of_different_fields_are_merged_on_request(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    etag = create_text(client, admin)
    patch(client, admin, etag, {"data": {"author": "First", "date": "2025-07-01"}})
    merged = patch(client, admin, etag, {"data": {"title": "Second"}, "body": "New.\n"}, prefer="handling=merge")
    assert merged.status_code == 200, merged.text
    data = merged.get_json()["data"]
    assert (data["author"], data["date"], data["title"]) == ("First", "2025-07-01", "Second")
    text = (site_of(ctx) / f"src/content/{NAME}.md").read_text()
    head = TEXT[: TEXT.index("First paragraph")].replace("Reading Room", "First").replace("2025-06-24", "2025-07-01")
    assert text == head.replace("A day at the library", "Second") + "New.\n"
    whole = {"data": {**GOOD, "title": "A day at the library", "author": "Reading Room"}, "body": "Third.\n"}
    headers = {**admin, "If-Match": etag, "Prefer": "handling=merge"}
    problem(client.put(URL, json=whole, headers=headers), 412)


@pytest.mark.parametrize(
    ("first", "second", "conflicts"),
    [
        ({"data": {"title": "1"}}, {"data": {"title": "2"}}, ["/data/title"]),
        ({"body": "1\n"}, {"body": "2\n"}, ["/body"]),
        ({"data": {"tags": ["a"]}}, {"data": {"tags": ["b"], "author": "x"}}, ["/data/tags"]),
        ({"data": {"image": None}}, {"data": {"image": "@/assets/x/y.jpg"}}, ["/data/image"]),
        ({"data": {"title": "Same"}}, {"data": {"title": "Same"}}, ["/data/title"]),
    ],
)
def test_changes_that_overlap_stay_refused(
    client: FlaskClient, admin: dict[str, str], ctx: Context, first: Any, second: Any, conflicts: list[str]
) -> None:
    etag = create_text(client, admin)
    patch(client, admin, etag, first)
    reconcile(ctx)
    before = state_of(ctx)
    found = problem(patch(client, admin, etag, second, prefer="handling=merge"), 412)
    assert [error["pointer"] for error in found["errors"]] == conflicts
    assert state_of(ctx) == before


def test_a_merge_breaks_no_rule(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    patch(client, admin, etag, {"data": {"author": "First"}})
    reconcile(ctx)
    before = state_of(ctx)
    problem(patch(client, admin, etag, {"data": {"title": 5}}, prefer="handling=merge"), 422)
    assert state_of(ctx) == before
