"""The feed: everything once, then exactly what changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from cms.context import Context
from cms.database.engine import write
from cms.database.tables import log
from cms.model import cursor as places
from cms.model.published import FEED, HEAVY, MEMBERS, to_json
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import both_databases, reconcile, site_of

NAME = "news/en/a-day"


def feed(
    client: FlaskClient, cursor: str | None = None, headers: dict[str, str] | None = None, **query: str
) -> tuple[list[dict[str, Any]], str]:
    """The feed's lines but the last, and the cursor of the last."""
    given = {**query, **({"cursor": cursor} if cursor else {})}
    response = client.get("/api/v1/sync", query_string=given, headers=headers)
    assert response.status_code == 200, response.text
    assert response.content_type == "application/x-ndjson"
    *lines, last = [json.loads(line) for line in response.text.splitlines()]
    assert last.keys() == {"type", "cursor"}
    return lines, last["cursor"]


def shown(lines: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(line["type"], line.get("id") or line.get("path") or "") for line in lines]


@both_databases
def test_a_first_sync_holds_all_that_is_published(client: FlaskClient) -> None:
    lines, cursor = feed(client)
    listed = client.get(f"{ARTICLES}?limit=100").get_json()["items"]
    photos = client.get("/api/v1/images?limit=100").get_json()["items"]
    assert sorted(line["id"] for line in lines if line["type"] == "article") == sorted(item["id"] for item in listed)
    assert [line["path"] for line in lines if line["type"] == "image"] == [item["path"] for item in photos]
    assert feed(client, cursor) == ([], cursor)


@both_databases
def test_after_one_edit_the_feed_holds_one_article(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    _, cursor = feed(client)
    etag = patch(client, admin, NAME, etag, {"data": {"title": "One"}}).headers["ETag"]
    patch(client, admin, NAME, etag, {"data": {"title": "Two"}})
    lines, _ = feed(client, cursor)
    assert [(line["id"], line["data"]["title"], line["dates"]) for line in lines] == [("en/a-day", "Two", ["/date"])]


@both_databases
def test_what_stops_being_published_is_deleted_and_what_never_was_is_absent(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    etag = create_text(client, admin)
    hidden = create_text(client, admin, "news/en/hidden")
    _, cursor = feed(client)
    patch(client, admin, "news/en/hidden", hidden, {"data": {"draft": True}})
    assert client.delete(f"{ARTICLES}/{NAME}", headers={**admin, "If-Match": etag}).status_code == 204
    brief = create_text(client, admin, "news/en/brief")
    assert client.delete(f"{ARTICLES}/news/en/brief", headers={**admin, "If-Match": brief}).status_code == 204
    create_text(client, admin, "news/en/unseen", TEXT.replace("tags:", "draft: true\ntags:"))
    lines, later = feed(client, cursor)
    assert shown(lines) == [("deleted", "en/hidden"), ("deleted", "en/a-day")]
    create_text(client, admin)
    assert shown(feed(client, later)[0]) == [("article", "en/a-day")]
    assert shown(feed(client, cursor)[0]) == [("deleted", "en/hidden"), ("article", "en/a-day")]


def test_drafts_are_in_the_feed_of_those_who_may_read_them(client: FlaskClient, admin: dict[str, str]) -> None:
    draft = TEXT.replace("tags:", "draft: true\ntags:")
    _, cursor = feed(client, headers=admin, drafts="true", collection="news")
    etag = create_text(client, admin, text=draft)
    assert shown(feed(client, cursor, admin, drafts="true", collection="news")[0]) == [("article", "en/a-day")]
    _, cursor = feed(client, cursor, admin, drafts="true", collection="news")
    assert client.delete(f"{ARTICLES}/{NAME}", headers={**admin, "If-Match": etag}).status_code == 204
    assert shown(feed(client, cursor, admin, drafts="true", collection="news")[0]) == [("deleted", "en/a-day")]


def test_a_replaced_photo_is_told_with_every_article_that_shows_it(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    article = next(item for item in client.get(ARTICLES).get_json()["items"] if item["images"])
    path = article["images"][0]["path"]
    _, cursor = feed(client)
    file = site_of(ctx) / "src/assets" / path
    other = next(p for p in file.parent.rglob(f"*{file.suffix}") if p.read_bytes() != file.read_bytes())
    file.write_bytes(other.read_bytes())
    reconcile(ctx)
    lines, _ = feed(client, cursor)
    assert lines[0]["type"] == "image"
    assert lines[0]["path"] == path
    told = {line["id"]: line["digest"] for line in lines[1:]}
    assert article["id"] in told
    assert told[article["id"]] != article["digest"]


def test_fields_choose_the_members_and_are_part_of_the_cursor(client: FlaskClient) -> None:
    lines, cursor = feed(client, fields="html", collection="news")
    assert all(line.keys() == {"type", "collection", "id", "version", "digest", "html"} for line in lines)
    problem(client.get("/api/v1/sync", query_string={"cursor": cursor}), 410)
    problem(client.get("/api/v1/sync", query_string={"cursor": cursor, "fields": "body", "collection": "news"}), 410)
    assert feed(client, cursor, fields="html", collection="news") == ([], cursor)


@both_databases
@pytest.mark.parametrize("fields", [FEED, MEMBERS, [name for name in MEMBERS if name not in HEAVY], ("html", "id")])
def test_a_line_has_the_members_that_its_article_has_written_alike(client: FlaskClient, fields: list[str]) -> None:
    told = client.get("/api/v1/sync", query_string={"fields": ",".join(fields), "collection": "news"}).text
    lines = told.splitlines()[:-1]
    assert len(lines) == 6
    order = list(dict.fromkeys(["collection", "id", "version", "digest", *fields]))
    for line in lines:
        found = json.loads(line)
        whole = client.get(f"{ARTICLES}/news/{found['id']}").get_json()
        for twin in whole["translations"]:
            del twin["state"]  # which is told of one article alone
        expected = {"type": "article", **{name: whole[name] for name in order if name in whole}}
        assert line == to_json(expected)


@both_databases
def test_the_whole_file_is_there_for_those_who_ask(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    patch(client, admin, NAME, etag, {"data": {"title": "One"}})
    lines, _ = feed(client, collection="news", fields="path,text")
    assert "en/a-day" in {line["id"] for line in lines}
    for line in lines:
        assert line["text"].encode() == (site_of(ctx) / line["path"]).read_bytes()
    problem(client.get(ARTICLES, query_string={"fields": "text"}), 422)


@pytest.mark.parametrize("other", [{"epoch": "other"}, {"stamp": "other"}, {"view": "other"}, {"seq": 10**9}])
def test_a_cursor_that_does_not_match_is_gone(client: FlaskClient, other: dict[str, Any]) -> None:
    import dataclasses

    _, cursor = feed(client)
    changed = dataclasses.replace(places.decode(cursor), **other).encode()
    problem(client.get("/api/v1/sync", query_string={"cursor": changed}), 410, "cursor_gone")


@pytest.mark.parametrize("cursor", ["x", "", "e30", "é", "a" * 3000, "Li4uLg"])
def test_a_cursor_that_is_none_is_gone(client: FlaskClient, cursor: str) -> None:
    problem(client.get("/api/v1/sync", query_string={"cursor": cursor}), 410)


def test_a_restored_database_is_another_epoch(client: FlaskClient, ctx: Context) -> None:
    _, cursor = feed(client)
    with write(ctx.database) as tx:
        tx.execute(update(log).values(epoch="restored"))
    problem(client.get("/api/v1/sync", query_string={"cursor": cursor}), 410)
