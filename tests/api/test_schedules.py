"""What is published when: drafts, and articles that the clock publishes."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.actions.publish import publish_due
from cms.actions.steps import Steps
from cms.actions.worker import work
from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_sync import feed, shown
from tests.conftest import (
    bearer,
    both_databases,
    close,
    eventually,
    make_client,
    make_context,
    make_settings,
    reconcile,
    site_of,
    state_of,
)

NAME = "news/en/a-day"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ctx(ctx: Context, clock: Clock) -> Context:
    """The sample site, in which news are published from their `date` on, by the test's clock."""
    annotate(ctx, publish="date")
    return dataclasses.replace(ctx, clock=clock)


def annotate(ctx: Context, **values: Any) -> None:
    (site_of(ctx) / "src/content/news.cms.json").write_text(json.dumps(values))
    reconcile(ctx)


def dated(date: str) -> str:
    return TEXT.replace("date: 2025-06-24", f"date: {date}")


def status_of(client: FlaskClient, headers: dict[str, str]) -> str:
    found: str = client.get(f"{ARTICLES}/{NAME}", headers=headers).get_json()["status"]
    return found


@both_databases
def test_the_clock_publishes_what_is_due_by_one_change(
    ctx: Context, clock: Clock, client: FlaskClient, admin: dict[str, str]
) -> None:
    """AC-12."""
    client = make_client(ctx)
    _, cursor = feed(client)
    create_text(client, admin, text=dated("2026-03-01T12:00:01Z"))
    problem(client.get(f"{ARTICLES}/{NAME}"), 404)
    assert client.get(f"{ARTICLES}/{NAME}", headers=admin).get_json()["publish_at"] == "2026-03-01T12:00:01.000Z"
    assert (publish_due(ctx), feed(client, cursor)[0]) == (0, [])
    clock.now += timedelta(seconds=1)
    problem(client.get(f"{ARTICLES}/{NAME}"), 404)
    assert (publish_due(ctx), publish_due(ctx)) == (1, 0)
    found = client.get(f"{ARTICLES}/{NAME}").get_json()
    assert (found["status"], "publish_at" in found) == ("published", False)
    assert shown(feed(client, cursor)[0]) == [("article", "en/a-day")]
    newest, first = client.get(f"/api/v1/history/{NAME}", headers=admin).get_json()["items"]
    assert (newest["actor"], newest["source"], newest["action"]) == ("clock", "clock", "updated")
    assert (newest["visible_before"], newest["visible_after"], first["visible_after"]) == (False, True, False)
    assert newest["version"] == first["version"]


@both_databases
def test_it_is_the_clocks_doing_though_a_look_at_the_files_comes_first(
    ctx: Context, clock: Clock, client: FlaskClient, admin: dict[str, str]
) -> None:
    client = make_client(ctx)
    create_text(client, admin, text=dated("2026-03-01T12:00:01Z"))
    clock.now += timedelta(seconds=1)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    os.utime(path, (1, 1))  # as somebody who saves what was there already
    reconcile(ctx)
    assert status_of(client, {}) == "published"
    newest, first = client.get(f"/api/v1/history/{NAME}", headers=admin).get_json()["items"]
    assert (newest["actor"], newest["source"], first["actor"]) == ("clock", "clock", "editor")
    assert publish_due(ctx) == 0


@pytest.mark.parametrize(
    ("date", "due"),
    [
        ("2026-03-02", "2026-03-01T17:00:00"),
        ("2026-03-01T13:00:00+07:00", "2026-03-01T06:00:00"), ("2026-03-02T06:00:00Z", "2026-03-02T06:00:00"),
        ("2026-03-02 06:00:00", "2026-03-02T06:00:00"), ("1999-12-31", "1999-12-30T17:00:00"),
    ],
)  # fmt: skip
def test_a_date_is_due_at_midnight_of_the_sites_time_zone(
    site: Path, tmp_path: Path, clock: Clock, date: str, due: str
) -> None:
    settings = make_settings(site, f"sqlite:///{tmp_path}/zone.db", timezone="Asia/Phnom_Penh")
    ctx = dataclasses.replace(make_context(settings), clock=clock)
    annotate(ctx, publish="date")
    client, admin = make_client(ctx), bearer(ctx, "admin")
    moment = datetime.fromisoformat(due).replace(tzinfo=UTC)
    clock.now = moment - timedelta(seconds=1)
    create_text(client, admin, text=dated(date))
    assert status_of(client, admin) == "scheduled"
    assert publish_due(ctx) == 0
    clock.now = moment
    assert publish_due(ctx) == 1
    assert status_of(client, {}) == "published"
    close(ctx)


def test_nothing_is_scheduled_unless_the_annotation_says_so(client: FlaskClient, admin: dict[str, str]) -> None:
    (site_of(client.application.extensions["cms"]) / "src/content/news.cms.json").unlink()
    reconcile(client.application.extensions["cms"])
    create_text(client, admin, text=dated("2999-01-01"))
    assert client.get(f"{ARTICLES}/{NAME}").get_json()["status"] == "published"


@both_databases
def test_an_annotation_that_changes_has_every_article_looked_at_again(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    annotate(ctx)
    create_text(client, admin, text=dated("2999-01-01"))
    _, cursor = feed(client)
    assert status_of(client, {}) == "published"
    annotate(ctx, publish="date")
    assert status_of(client, admin) == "scheduled"
    problem(client.get(f"{ARTICLES}/{NAME}"), 404)
    assert shown(feed(client, cursor)[0]) == [("deleted", "en/a-day")]
    annotate(ctx, draft={"author": "Reading Room"})
    assert status_of(client, admin) == "draft"
    (site_of(ctx) / "src/content/news.cms.json").write_text("{")
    reconcile(ctx)
    assert status_of(client, admin) == "draft"
    annotate(ctx, draft={"author": "Somebody else", "tags": "books"})
    assert status_of(client, {}) == "published"
    (site_of(ctx) / "src/content/news.cms.json").write_text("{")
    reconcile(ctx)
    assert status_of(client, {}) == "published"


@both_databases
def test_the_feed_of_drafts_tells_what_an_annotation_makes_of_them(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    annotate(ctx, publish="date")
    create_text(client, admin, text=dated("2999-01-01"))
    _, public = feed(client)
    _, cursor = feed(client, headers=admin, drafts="true")
    for rules, status in (
        ({"publish": "date", "draft": {"author": "Reading Room"}}, "draft"),
        ({"publish": "date"}, "scheduled"),
    ):
        annotate(ctx, **rules)
        lines, cursor = feed(client, cursor, admin, drafts="true")
        assert [(line["id"], line["status"]) for line in lines] == [("en/a-day", status)]
        change = client.get(f"/api/v1/history/{NAME}", headers=admin).get_json()["items"][0]
        assert (change["action"], change["visible_before"], change["visible_after"]) == ("updated", False, False)
    before = state_of(ctx)
    annotate(ctx, publish="date", locales=["en", "km"])
    again = state_of(ctx)
    assert again["table:changes"] == before["table:changes"]
    assert feed(client, public)[0] == []


@pytest.mark.parametrize(
    ("draft", "line", "status"),
    [
        ({"state": "review"}, "state: review", "draft"), ({"state": "review"}, "state: done", "published"),
        ({"public": False}, "public: false", "draft"), ({"public": False}, "public: 0", "published"),
        ({"seo.hidden": True}, "seo: {hidden: true}", "draft"), ({"state": "review"}, "draft: true", "draft"),
        ({"state": "review", "n": 1}, "n: 1", "draft"),
    ],
)  # fmt: skip
def test_the_annotation_names_what_makes_a_draft(
    ctx: Context, client: FlaskClient, admin: dict[str, str], draft: dict[str, Any], line: str, status: str
) -> None:
    annotate(ctx, draft=draft)
    path = site_of(ctx) / f"src/content/{NAME}.md"
    path.write_text(TEXT.replace("tags:", f"{line}\ntags:"))
    reconcile(ctx)
    assert status_of(client, admin) == status
    assert client.get(f"{ARTICLES}/{NAME}").status_code == (200 if status == "published" else 404)


@both_databases
def test_scheduling_is_publishing(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    client, writer = make_client(ctx), bearer(ctx, "articles:write:news", "articles:read-drafts:news")
    draft = dated("2026-03-02").replace("tags:", "draft: true\ntags:")
    etag = create_text(client, writer, text=draft)
    put = {"headers": {**writer, "If-None-Match": "*"}, "content_type": "text/markdown"}
    before = state_of(ctx)
    problem(client.put(f"{ARTICLES}/news/en/later", data=dated("2026-03-02"), **put), 403)
    problem(patch(client, writer, NAME, etag, {"data": {"draft": None}}), 403)
    assert state_of(ctx) == before
    etag = patch(client, admin, NAME, etag, {"data": {"draft": None}}).headers["ETag"]
    assert status_of(client, admin) == "scheduled"
    before = state_of(ctx)
    for change in ({"body": "Other.\n"}, {"data": {"draft": True}}, {"data": {"date": "2026-03-03"}}):
        problem(patch(client, writer, NAME, etag, change), 403)
    problem(client.delete(f"{ARTICLES}/{NAME}", headers={**writer, "If-Match": etag}), 403)
    assert state_of(ctx) == before


def test_a_date_that_is_none_hides_the_article_and_is_refused(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    annotate(ctx, publish="author")
    path = site_of(ctx) / f"src/content/{NAME}.md"
    path.write_text(TEXT)
    reconcile(ctx)
    assert status_of(client, admin) == "scheduled"
    assert "publish_at" not in client.get(f"{ARTICLES}/{NAME}", headers=admin).get_json()
    assert (f"src/content/{NAME}.md", "/data/author", "publish_date") in {
        (found.path, found.pointer, found.code) for found in check(ctx)
    }
    before = state_of(ctx)
    new = {"id": "en/other", "data": {"title": "x", "date": "2025-06-24", "author": "soon"}}
    error = problem(client.post(f"{ARTICLES}/news", json=new, headers=admin), 422)
    assert ("/data/author", "publish_date") in {(item["pointer"], item["code"]) for item in error["errors"]}
    assert state_of(ctx) == before


def test_a_hand_edit_that_nobody_has_taken_over_is_not_published_by_the_clock(
    ctx: Context, clock: Clock, client: FlaskClient, admin: dict[str, str]
) -> None:
    client = make_client(ctx)
    create_text(client, admin, text=dated("2026-03-02"))
    path = site_of(ctx) / f"src/content/{NAME}.md"
    path.write_text(dated("2026-03-02").replace("tags:", "draft: true\ntags:"))
    clock.now += timedelta(days=2)
    assert publish_due(ctx) == 0
    problem(client.get(f"{ARTICLES}/{NAME}"), 404)
    reconcile(ctx)
    assert status_of(client, admin) == "draft"


def test_absorbing_decides_by_the_clock(ctx: Context, clock: Clock, admin: dict[str, str]) -> None:
    client = make_client(ctx)
    create_text(client, admin, text=dated("2026-03-02"))
    path = site_of(ctx) / f"src/content/{NAME}.md"
    path.write_text(path.read_text() + "More.\n")
    clock.now += timedelta(days=2)
    reconcile(ctx)
    assert status_of(client, {}) == "published"


def test_the_worker_publishes_when_nobody_calls(
    ctx: Context, client: FlaskClient, admin: dict[str, str], clock: Clock
) -> None:
    create_text(client, admin, text=dated((NOON + timedelta(hours=1)).isoformat().replace("+00:00", "Z")))
    assert status_of(client, admin) == "scheduled"
    stop = threading.Event()
    worker = threading.Thread(target=work, args=(ctx, stop, Steps()))
    worker.start()
    try:
        clock.now += timedelta(hours=1)
        assert eventually(lambda: client.get(f"{ARTICLES}/{NAME}").status_code == 200)
    finally:
        stop.set()
        worker.join()


@pytest.mark.parametrize("text", ['{"draft": "hidden"}', '{"draft": {"x": null}}', '{"publish": ""}', '{"publish": 1}'])
def test_terms_that_make_no_sense_are_named(ctx: Context, text: str) -> None:
    (site_of(ctx) / "src/content/news.cms.json").write_text(text)
    reconcile(ctx)
    assert ("src/content/news", "rules_unreadable") in {(found.path, found.code) for found in check(ctx)}
