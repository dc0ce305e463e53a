"""`/sync?broken=true` tells of each file that cannot be read, to those who may read drafts and to nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import TEXT, problem
from tests.conftest import bearer, both_databases, reconcile, site_of, state_of

TORN = "---\ntitle: [one\n---\n"
Lines = list[dict[str, Any]]
pytestmark = both_databases


def write(ctx: Context, path: str, text: str = TORN) -> Path:
    file = site_of(ctx) / f"src/content/{path}"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    reconcile(ctx)
    return file


def lines(client: FlaskClient, headers: dict[str, str], **query: str) -> Lines:
    response = client.get("/api/v1/sync", query_string={"broken": "true", **query}, headers=headers)
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.split("\n") if line]


def broken(found: Lines) -> list[str]:
    return [line["path"] for line in found if line["type"] == "broken"]


@pytest.fixture
def reader(ctx: Context) -> dict[str, str]:
    return bearer(ctx, "articles:read-drafts")


def test_a_broken_file_is_told_until_it_is_well_or_gone(
    ctx: Context, client: FlaskClient, reader: dict[str, str]
) -> None:
    first = lines(client, reader)
    assert broken(first) == []
    file = write(ctx, "news/en/torn.md")
    (line, last) = lines(client, reader, cursor=first[-1]["cursor"])
    assert {name: line[name] for name in ("type", "collection", "id", "path")} == {
        "type": "broken", "collection": "news", "id": "en/torn", "path": "src/content/news/en/torn.md",
    }  # fmt: skip
    assert all(found.keys() == {"pointer", "detail", "code"} for found in line["problems"])
    assert line["problems"][0]["detail"]
    assert broken(lines(client, reader, cursor=last["cursor"])) == [line["path"]]  # it is no news, and still so
    file.write_text(TEXT)
    reconcile(ctx)
    (article, last) = lines(client, reader, cursor=last["cursor"])
    assert (article["type"], article["id"]) == ("article", "en/torn")
    file.write_text(TORN)
    reconcile(ctx)
    then = lines(client, reader, cursor=last["cursor"])
    assert [found["type"] for found in then] == ["deleted", "broken", "cursor"]
    file.unlink()
    reconcile(ctx, accept_deletions=True)
    assert lines(client, reader, cursor=then[-1]["cursor"])[:-1] == []
    file.write_text(TEXT.replace("---\n", "---\ndraft: true\n", 1))  # well, and hidden
    reconcile(ctx)
    assert broken(lines(client, reader, cursor=then[-1]["cursor"])) == []


def test_files_that_the_log_has_no_change_of_are_told_too(
    ctx: Context, client: FlaskClient, reader: dict[str, str]
) -> None:
    cursor = lines(client, reader)[-1]["cursor"]
    write(ctx, "news/en/opening-day/index.md", TEXT)  # the id of another file
    rival = "src/content/news/en/opening-day/index.md"
    (line, last) = lines(client, reader, cursor=cursor)
    assert (line["path"], line["problems"][0]["code"]) == (rival, "id_collision")
    (site_of(ctx) / rival).unlink()
    reconcile(ctx, accept_deletions=True)
    assert broken(lines(client, reader, cursor=last["cursor"])) == []


def test_the_tag_changes_with_what_is_broken(ctx: Context, client: FlaskClient, reader: dict[str, str]) -> None:
    def tag() -> str:
        return client.get("/api/v1/sync?broken=true&collection=news", headers=reader).headers["ETag"]

    before = tag()
    file = write(ctx, "news/en/opening-day/index.md", TEXT)
    held = {**reader, "If-None-Match": before}
    assert client.get("/api/v1/sync?broken=true&collection=news", headers=held).status_code == 200
    file.unlink()
    reconcile(ctx, accept_deletions=True)
    assert tag() == before


def test_only_who_may_read_drafts_of_the_collection_is_told(ctx: Context, client: FlaskClient) -> None:
    public = client.get("/api/v1/sync").data
    write(ctx, "news/en/torn.md")
    write(ctx, "notes/torn.md")
    assert client.get("/api/v1/sync").data == public
    before = state_of(ctx)
    url = "/api/v1/sync?broken=true"
    problem(client.get(url), 401)
    problem(client.get(url, headers=bearer(ctx, "articles:write", "articles:publish", "read")), 403)
    news = bearer(ctx, "articles:read-drafts:news")
    problem(client.get(url, headers=news), 403)
    problem(client.get(f"{url}&collection=notes", headers=news), 403)
    found = broken(lines(client, news, collection="news"))
    assert found == ["src/content/news/en/torn.md"]
    changed = {name for name, value in state_of(ctx).items() if before.get(name) != value}
    assert changed <= {"table:tokens", "count:tokens"}


def test_cursors_do_not_depend_on_the_question(ctx: Context, client: FlaskClient, reader: dict[str, str]) -> None:
    write(ctx, "news/en/torn.md")
    without = json.loads(client.get("/api/v1/sync").text.split("\n")[-2])["cursor"]
    assert lines(client, reader)[-1]["cursor"] == without
    assert client.get(f"/api/v1/sync?cursor={without}").status_code == 200
    assert broken(lines(client, reader, cursor=without, drafts="false")) == ["src/content/news/en/torn.md"]
