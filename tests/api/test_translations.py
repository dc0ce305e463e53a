"""Translations: what is missing, what is current, and what the source has changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.actions import translations
from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_sync import feed
from tests.conftest import (
    bearer,
    both_databases,
    close,
    make_client,
    make_context,
    make_settings,
    reconcile,
    site_of,
    state_of,
)
from tests.forge import desk

WORK = "/api/v1/collections/news/translations"
EN, KM = "news/en/a-day", "news/km/a-day"


def work(client: FlaskClient, headers: dict[str, str], **query: Any) -> dict[str, tuple[str, list[str]]]:
    """State and what changed by id, page after page."""
    found: dict[str, tuple[str, list[str]]] = {}
    cursor: dict[str, str] = {}
    while True:
        response = client.get(WORK, query_string={**query, **cursor}, headers=headers)
        assert response.status_code == 200, response.text
        page = response.get_json()
        assert not found.keys() & {item["id"] for item in page["items"]}
        found |= {item["id"]: (item["state"], item["changed"]) for item in page["items"]}
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def twins(client: FlaskClient, name: str, headers: dict[str, str] | None = None) -> list[tuple[str, str]]:
    found = client.get(f"{ARTICLES}/{name}", headers=headers).get_json()["translations"]
    return [(twin["id"], twin["state"]) for twin in found]


def edit(client: FlaskClient, headers: dict[str, str], name: str, change: dict[str, Any]) -> None:
    etag = client.get(f"{ARTICLES}/{name}", headers=headers).headers["ETag"]
    assert patch(client, headers, name, etag, change).status_code == 200


@both_databases
def test_a_translation_is_missing_then_current_then_stale_and_current_again(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    create_text(client, admin, EN)
    assert work(client, admin)["km/a-day"] == ("missing", [])
    create_text(client, admin, KM)
    assert work(client, admin)["km/a-day"] == ("current", [])
    assert (twins(client, EN), twins(client, KM)) == ([("km/a-day", "current")], [("en/a-day", "current")])
    edit(client, admin, EN, {"data": {"title": "Another", "image": None}, "body": "Other.\n"})
    assert work(client, admin)["km/a-day"] == ("stale", ["/data/title", "/data/image", "/body"])
    assert (twins(client, EN), twins(client, KM)) == ([("km/a-day", "stale")], [("en/a-day", "current")])
    edit(client, admin, KM, {"data": {"title": "Followed"}})
    assert work(client, admin)["km/a-day"] == ("current", [])


def test_what_says_the_same_makes_nothing_stale(client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    context: Context = client.application.extensions["cms"]
    path = site / f"src/content/{EN}.md"
    path.write_text(TEXT.replace("# written by hand", "# written by another hand"))
    reconcile(context)
    assert work(client, admin)["km/a-day"] == ("current", [])
    edit(client, admin, EN, {"data": {"title": "Another"}})
    edit(client, admin, EN, {"data": {"title": "A day at the library"}})
    assert work(client, admin)["km/a-day"] == ("current", [])


@both_databases
def test_neither_a_rename_nor_a_draft_nor_a_deletion_makes_a_translation_new(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    edit(client, admin, EN, {"data": {"title": "Another"}})
    edit(client, admin, EN, {"id": "en/b-day"})
    edit(client, admin, KM, {"id": "km/b-day"})
    assert work(client, admin)["km/b-day"] == ("stale", ["/data/title"])
    etag = client.get(f"{ARTICLES}/news/en/b-day").headers["ETag"]
    assert client.delete(f"{ARTICLES}/news/en/b-day", headers={**admin, "If-Match": etag}).status_code == 204
    assert work(client, admin)["en/b-day"] == ("missing", [])


def confirm(client: FlaskClient, headers: dict[str, str], version: str, own_id: str = "km/a-day") -> TestResponse:
    body = {"id": own_id, "source_version": version}
    return client.post(f"{WORK}?message=Still right", json=body, headers=headers)


def version_of(client: FlaskClient, headers: dict[str, str], name: str = EN) -> str:
    found: str = client.get(f"{ARTICLES}/{name}", headers=headers).get_json()["version"]
    return found


@both_databases
def test_a_stale_translation_is_confirmed_as_it_is_and_the_log_says_by_whom(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    edit(client, admin, EN, {"data": {"title": "Another"}})
    before = client.get(f"{ARTICLES}/{KM}")
    views: list[dict[str, Any]] = [{}, {"drafts": "true", "headers": admin}]
    cursors = [feed(client, **view)[1] for view in views]
    (wanted,) = (item for item in client.get(WORK, headers=admin).get_json()["items"] if item["id"] == "km/a-day")
    translator = bearer(ctx, "articles:write:news", "articles:read-drafts:news")
    answer = confirm(client, translator, wanted["source_version"])
    assert answer.status_code == 200, answer.text
    assert answer.get_json() == {**wanted, "state": "current", "changed": []}
    assert work(client, admin)["km/a-day"] == ("current", [])
    assert twins(client, EN) == [("km/a-day", "current")]
    after = client.get(f"{ARTICLES}/{KM}")
    assert (after.get_json(), after.headers["ETag"]) == (before.get_json(), before.headers["ETag"])
    assert [feed(client, cursor, **view)[0] for cursor, view in zip(cursors, views, strict=True)] == [[], []]
    first, second = client.get(f"/api/v1/history/{KM}", headers=admin).get_json()["items"]
    assert (first["action"], first["actor"], first["message"]) == ("confirmed", "editor", "Still right")
    assert (first["version"], first["visible_before"], first["visible_after"]) == (second["version"], True, True)
    (listed,) = client.get("/api/v1/changes?action=confirmed", headers=admin).get_json()["items"]
    assert (listed["id"], listed["seq"]) == ("km/a-day", first["seq"])
    (one,) = client.get(f"/api/v1/history/{KM}?seq={first['seq']}", headers=admin).get_json()["items"]
    assert (one["text"], one["diff"]) == (TEXT, "")
    again = confirm(client, translator, wanted["source_version"])
    assert (again.status_code, len(client.get(f"/api/v1/history/{KM}", headers=admin).get_json()["items"])) == (200, 2)
    edit(client, admin, EN, {"data": {"author": "B"}})
    assert work(client, admin)["km/a-day"] == ("stale", ["/data/author"])
    edit(client, admin, KM, {"id": "km/b-day"})
    edit(client, admin, EN, {"id": "en/b-day"})
    assert work(client, admin)["km/b-day"] == ("stale", ["/data/author"])
    edit(client, admin, "news/km/b-day", {"data": {"author": "B"}})
    assert work(client, admin)["km/b-day"] == ("current", [])


def test_the_tables_made_again_know_what_was_confirmed(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    edit(client, admin, EN, {"data": {"title": "Another"}})
    before = client.get(f"{ARTICLES}/{KM}").get_json()
    assert confirm(client, admin, version_of(client, admin)).status_code == 200
    reconcile(ctx)
    again = make_context(make_settings(site_of(ctx), ctx.settings.database, timezone="Europe/Berlin"))
    other = make_client(again)
    assert work(other, admin)["km/a-day"] == ("current", [])
    assert other.get(f"{ARTICLES}/{KM}").get_json() == before
    assert TEXT in [line.get("text") for line in feed(other, fields="text")[0]]
    close(again)


def test_what_cannot_be_confirmed_changes_nothing(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    old = version_of(client, admin)
    edit(client, admin, EN, {"data": {"title": "Another"}})
    now = version_of(client, admin)
    create_text(client, admin, "news/km/sekret", TEXT.replace("tags:", "draft: true\ntags:"))
    writer = bearer(ctx, "articles:write", "articles:publish")
    other, reader = bearer(ctx, "articles:write:places", "articles:read-drafts:places"), bearer(ctx, "read")
    before = state_of(ctx)
    assert problem(confirm(client, admin, old), 412)["current_version"] == now
    problem(confirm(client, admin, now, "en/a-day"), 422)
    problem(confirm(client, admin, now, "km/never"), 404)
    problem(confirm(client, {}, now), 401)
    for headers in (writer, other, reader):
        problem(confirm(client, headers, now), 403)
    for body in ({}, {"id": "km/a-day"}, {"id": "km/a-day", "source_version": 1}, {"id": "a\0", "source_version": now}):
        problem(client.post(WORK, json=body, headers=admin), 422)
    nowhere = WORK.replace("news", "never")
    problem(client.post(nowhere, json={"id": "km/a-day", "source_version": now}, headers=admin), 404)
    assert state_of(ctx) == before


def test_nothing_is_committed_when_a_translation_is_confirmed(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        create_text(at.client, at.editor, EN)
        create_text(at.client, at.editor, KM)
        edit(at.client, at.editor, EN, {"data": {"title": "Another"}})
        at.keep()
        commits = at.site.commits()
        (at.site.folder / f"src/content/{KM}.md").write_text(TEXT.replace("hand", "another hand"))
        reconcile(at.ctx)
        edit(at.client, at.editor, EN, {"data": {"title": "A third"}})
        assert confirm(at.client, at.editor, version_of(at.client, at.editor)).get_json()["state"] == "current"
        at.keep()
        assert [subject for _, subject, _ in at.site.commits()] == [
            "Update news/en/a-day: title", *(subject for _, subject, _ in commits),
        ]  # fmt: skip
        assert at.notices() == {}


@both_databases
def test_the_source_is_in_the_first_locale_of_the_annotation_or_the_most_used_one(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    edit(client, admin, KM, {"data": {"title": "Another"}})
    assert work(client, admin)["km/a-day"] == ("current", [])
    (site_of(ctx) / "src/content/news.cms.json").write_text('{"locales": ["km", "en", "th"]}')
    reconcile(ctx)
    found = work(client, admin)
    assert "km/a-day" not in found
    assert found["en/a-day"] == ("stale", ["/data/title"])
    assert found["th/a-day"] == ("missing", [])
    assert twins(client, KM) == [("en/a-day", "stale")]
    (site_of(ctx) / "src/content/news.cms.json").write_text("{")
    reconcile(ctx)
    assert work(client, admin)["km/a-day"] == ("current", [])


@both_databases
def test_the_worklist_is_narrowed_and_paged(
    client: FlaskClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    edit(client, admin, EN, {"data": {"title": "Another"}})
    whole = work(client, admin, limit=100)
    monkeypatch.setattr(translations, "STEP", 2)
    assert work(client, admin, limit=1) == whole == work(client, admin, limit=2)
    assert {name.partition("/")[0] for name in whole} == {"km"}
    assert work(client, admin, state="stale") == {"km/a-day": ("stale", ["/data/title"])}
    assert work(client, admin, state="missing", limit=1) == {
        name: told for name, told in whole.items() if told[0] == "missing"
    }
    assert work(client, admin, locale="km") == whole
    assert work(client, admin, locale="en") == work(client, admin, locale="th") == {}


def test_a_state_is_no_change(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    before = client.get(f"{ARTICLES}/{EN}")
    _, cursor = feed(client)
    edit(client, admin, EN, {"data": {"title": "Another"}})
    edit(client, admin, KM, {"data": {"title": "Followed"}})
    edit(client, admin, EN, {"data": {"title": "A day at the library"}})
    after = client.get(f"{ARTICLES}/{EN}")
    assert (twins(client, EN), after.get_json()["digest"]) == ([("km/a-day", "stale")], before.get_json()["digest"])
    assert after.headers["ETag"] != before.headers["ETag"]
    assert {line["id"] for line in feed(client, cursor)[0]} == {"en/a-day", "km/a-day"}
    listed = client.get(f"{ARTICLES}?fields=translations&collection=news").get_json()["items"]
    assert {"locale": "km", "id": "km/a-day"} in [twin for item in listed for twin in item["translations"]]


def test_the_public_is_told_of_what_it_sees_alone(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    (site_of(ctx) / "src/content/news.cms.json").write_text(json.dumps({"locales": ["en", "km", "th"]}))
    reconcile(ctx)
    for name in (EN, KM, "news/th/a-day"):
        create_text(client, admin, name)
    edit(client, admin, EN, {"data": {"draft": True}})
    edit(client, admin, EN, {"data": {"title": "Sekret"}})
    assert twins(client, KM) == [("th/a-day", "current")]
    assert work(client, admin, locale="th")["th/a-day"] == ("stale", ["/data/title", "/data/draft"])
    problem(client.get(WORK), 401)
    problem(client.get(WORK, headers=bearer(ctx, "articles:read-drafts:places", "articles:write")), 403)
    assert work(client, bearer(ctx, "articles:read-drafts:news"))["km/a-day"][0] == "stale"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"cursor": "x"}, 400), ({"cursor": "WyJhIl0"}, 400), ({"state": "old"}, 422), ({"locale": "khmer"}, 422),
        ({"limit": "0"}, 422), ({"more": "x"}, 422),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused(
    client: FlaskClient, admin: dict[str, str], query: dict[str, str], status: int
) -> None:
    problem(client.get(WORK, query_string=query, headers=admin), status)
    problem(client.get("/api/v1/collections/never/translations", headers=admin), 404)
