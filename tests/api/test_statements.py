"""How many statements each kind of request makes: as many for a page as for one article, and `Server-Timing` tells."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.conftest import both_databases

PUBLIC = {
    "/healthz": 0,
    "/readyz": 2,
    "/api/v1/whoami": 0,
    "/api/v1/collections": 2,
    "/api/v1/collections/news": 2,
    "/api/v1/collections/news/schema": 1,
    "/api/v1/articles": 2,
    "/api/v1/articles?limit=1": 2,
    "/api/v1/articles?fields=body,html": 2,
    "/api/v1/articles?collection=news&locale=km&fallback=en": 3,
    "/api/v1/articles?collection=news&sort=-date&filter[title][contains]=a": 4,
    "/api/v1/articles?q=river": 3,
    "/api/v1/articles/news/en/river-bus": 6,
    "/api/v1/images": 1,
    "/api/v1/images?limit=1": 1,
    "/api/v1/images/news/river-bus/photo-1.jpg": 3,
}
WITH_TOKEN = {
    "/api/v1/articles?status=all": 3,
    "/api/v1/history/news/en/river-bus": 4,
    "/api/v1/collections/news/translations": 8,
    "/api/v1/changes": 2,
    "/api/v1/drafts": 2,
    "/api/v1/trash": 2,
    "/api/v1/tokens": 2,
    "/api/v1/webhooks": 2,
}


def number_of(response: TestResponse) -> int:
    assert response.status_code < 400, response.text
    found = re.fullmatch(r'db;dur=[\d.]+;desc="(\d+) statements", total;dur=[\d.]+', response.headers["Server-Timing"])
    assert found
    return int(found[1])


@pytest.mark.parametrize(("url", "number"), PUBLIC.items())
def test_what_the_public_asks_makes_so_many_statements(client: FlaskClient, url: str, number: int) -> None:
    assert number_of(client.get(url)) == number


@pytest.mark.parametrize(("url", "number"), WITH_TOKEN.items())
def test_what_a_token_asks_makes_so_many_statements(
    client: FlaskClient, admin: dict[str, str], url: str, number: int
) -> None:
    assert number_of(client.get(url, headers=admin)) == number


@both_databases
def test_a_save_makes_so_many_statements(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    # Where a write may be late, it is written down before and after.
    more = 5 if ctx.site.may_be_late else 0
    if ctx.database.dialect.name == "sqlite":
        more += 4  # its index of words is told which text goes, and which comes
    ctx.clock()  # now and then it asks the database itself
    url = "/api/v1/articles/news/en/river-bus"
    headers = {**admin, "Content-Type": "application/merge-patch+json"}
    for title, number in (("One", 39), ("Two", 39)):
        etag = client.get(url).headers["ETag"]
        saved = client.patch(url, json={"data": {"title": title}}, headers={**headers, "If-Match": etag})
        assert number_of(saved) == number + more


def test_a_refusal_does_not_tell_how_much_was_asked(client: FlaskClient) -> None:
    for hidden in ("/api/v1/articles/news/en/story-hour", "/api/v1/articles/news/en/nowhere"):
        refused = client.get(hidden)
        assert refused.status_code == 404
        assert "Server-Timing" not in refused.headers


def test_what_is_kept_in_memory_asks_nothing(client: FlaskClient) -> None:
    assert number_of(client.get("/api/v1/articles")) == 2
    assert "Server-Timing" not in client.get("/api/v1/articles").headers
