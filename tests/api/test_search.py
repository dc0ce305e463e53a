"""`q` finds words in front matter and body, in both databases alike."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, patch, problem
from tests.conftest import bearer, both_databases, reconcile, site_of, state_of

pytestmark = both_databases

TEXTS = {
    "a": "---\ntitle: River boats\nmembers:\n  - name: Sok Dara\n    say: [deep words]\n---\nNothing here.\n",
    "b": "---\ntitle: Trains\n---\n**River** boats and [river banks](https://example.org/hidden).\n\nriver boat\n",
    "c": "---\ntitle: ការិយាល័យក្រ\u200bសួងអប់រំ\n---\nសួស្តី ![A ferry](@/assets/none.jpg)\n",
    "d": "---\ntitle: River draft\ndraft: true\n---\nriver\n",
}


@pytest.fixture
def shelf(ctx: Context) -> None:
    """Four articles of a collection without a schema, beside the sample's."""
    folder = site_of(ctx) / "src/content/shelf/en"
    folder.mkdir(parents=True)
    for name, text in TEXTS.items():
        (folder / f"{name}.md").write_text(text)
    reconcile(ctx)


def search(client: FlaskClient, q: str, headers: dict[str, str] | None = None, **query: str) -> dict[str, Any]:
    response = client.get(ARTICLES, query_string={"q": q, "total": "true", **query}, headers=headers)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.get_json()
    return page


def found(client: FlaskClient, q: str, headers: dict[str, str] | None = None, **query: str) -> str:
    """The letters of the articles above that are found, best first."""
    page = search(client, q, headers, **query)
    assert page["total"] == len(page["items"])
    return "".join(item["slug"] for item in page["items"] if item["collection"] == "shelf")


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("River boats", "ab"),
        ("river boat", "ab"),
        ("RIVER", "ab"),
        ("boats river", ""),
        ("iver", ""),
        ("dara", "a"),
        ("deep wor", "a"),
        ("boats dara", ""),
        ("hidden", ""),
        ("ferry", "c"),
        ("ក្រសួង", "c"),
        ("ក្រ\u200bសួងអប់", "c"),
        ("សួង", "c"),
        ("រសួង", ""),
        ('"river" OR boats*', ""),
        ("river' & boats:*", "ab"),
        ("NEAR(river", ""),
        ("title:river", ""),
    ],
)
def test_the_words_are_found_one_after_the_other(client: FlaskClient, shelf: None, q: str, expected: str) -> None:
    """IB-42."""
    assert found(client, q, locale="en") == expected


def test_drafts_are_found_by_those_who_may_read_them(ctx: Context, client: FlaskClient, shelf: None) -> None:
    assert "d" not in found(client, "river", status="published")
    assert found(client, "river draft", bearer(ctx, "articles:read-drafts"), status="all") == "d"


def test_a_hit_says_where_and_shows_it(client: FlaskClient, shelf: None) -> None:
    first, second = search(client, "river boats", locale="en", collection="shelf")["items"]
    assert first["snippets"] == [{"pointer": "/data/title", "html": "<mark>River boats</mark>"}]
    assert [item["pointer"] for item in second["snippets"]] == ["/body"]
    assert second["snippets"][0]["html"].startswith("<mark>River boats</mark> and river banks.")
    (only,) = search(client, "ferry", fields="id")["items"]
    assert only == {
        "collection": "shelf",
        "id": "en/c",
        "snippets": [{"pointer": "/body", "html": "សួស្តី A <mark>ferry</mark>"}],
    }


def test_pages_follow_the_order_of_hits(client: FlaskClient, shelf: None) -> None:
    whole = [item["id"] for item in search(client, "river")["items"]]
    page = search(client, "river", limit="1")
    paged: list[str] = []
    while True:
        paged += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        page = search(client, "river", limit="1", cursor=page["next_cursor"])
    assert paged == whole
    assert len(whole) > 2
    assert [item["id"] for item in search(client, "river", sort="id")["items"]] == sorted(whole)


def test_search_knows_what_was_saved(client: FlaskClient, admin: dict[str, str], shelf: None) -> None:
    etag = client.get(f"{ARTICLES}/shelf/en/a").headers["ETag"]
    saved = patch(client, admin, "shelf/en/a", etag, {"data": {"title": "Canoes"}})
    assert (found(client, "river boats"), found(client, "canoe")) == ("b", "a")
    client.delete(f"{ARTICLES}/shelf/en/a", headers={**admin, "If-Match": saved.headers["ETag"]})
    assert found(client, "canoe") == ""


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"q": "'\"*"}, "/q"),
        ({"q": ""}, "/q"),
        ({"q": "x" * 201}, "/q"),
        ({"q": "a\0"}, "/q"),
        ({"sort": "relevance"}, "/sort"),
        ({"q": "river", "sort": "-relevence"}, "/sort"),
    ],
)
def test_what_cannot_be_searched_is_said(
    ctx: Context, client: FlaskClient, query: dict[str, str], pointer: str
) -> None:
    """IB-42."""
    before = state_of(ctx)
    error = problem(client.get(ARTICLES, query_string=query), 422)
    assert [item["pointer"] for item in error["errors"]] == [pointer]
    assert state_of(ctx) == before


def test_a_cursor_of_one_search_order_is_none_of_another(client: FlaskClient, shelf: None) -> None:
    cursor = search(client, "river", limit="1")["next_cursor"]
    problem(client.get(ARTICLES, query_string={"cursor": cursor}), 400, "cursor")
    problem(client.get(ARTICLES, query_string={"q": "river", "sort": "id", "cursor": cursor}), 400, "cursor")
