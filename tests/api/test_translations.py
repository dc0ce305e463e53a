"""Translations: what is missing, what is current, and what the source has changed since."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions import translations
from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_sync import feed
from tests.conftest import bearer, both_databases, reconcile

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


@both_databases
def test_the_source_is_in_the_first_locale_of_the_annotation_or_the_most_used_one(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    create_text(client, admin, EN)
    create_text(client, admin, KM)
    edit(client, admin, KM, {"data": {"title": "Another"}})
    assert work(client, admin)["km/a-day"] == ("current", [])
    (ctx.settings.site_folder / "src/content/news.cms.json").write_text('{"locales": ["km", "en", "th"]}')
    reconcile(ctx)
    found = work(client, admin)
    assert "km/a-day" not in found
    assert found["en/a-day"] == ("stale", ["/data/title"])
    assert found["th/a-day"] == ("missing", [])
    assert twins(client, KM) == [("en/a-day", "stale")]
    (ctx.settings.site_folder / "src/content/news.cms.json").write_text("{")
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
    (ctx.settings.site_folder / "src/content/news.cms.json").write_text(json.dumps({"locales": ["en", "km", "th"]}))
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
