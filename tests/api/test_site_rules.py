"""What the site itself would not accept is refused, and what was wrong before is told and left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import both_databases, reconcile, site_of, state_of

NAME = "news/en/a-day"
PHOTO = "@/assets/news/river-bus/photo-1.jpg"
GONE = "@/assets/news/none.jpg"
pytestmark = both_databases


def annotate(ctx: Context, **values: Any) -> None:
    path = site_of(ctx) / "src/content/news.cms.json"
    path.write_text(json.dumps(values))
    reconcile(ctx)


def refused(ctx: Context, client: FlaskClient, admin: dict[str, str], etag: str, change: Any) -> list[tuple[str, str]]:
    """Pointers and codes of the errors that the change is refused with."""
    before = state_of(ctx)
    error = problem(patch(client, admin, NAME, etag, change), 422)
    assert state_of(ctx) == before
    return [(item["pointer"], item["code"]) for item in error["errors"]]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"data": {"image": GONE}}, "/data/image"),
        ({"data": {"image": "../../../assets/news/River-bus/photo-1.jpg"}}, "/data/image"),
        ({"body": f"![x]({PHOTO}) ![y]({GONE})\n"}, "/body"),
        ({"body": "![y](./beside.jpg)\n"}, "/body"),
    ],
)
def test_a_photo_that_is_not_there_is_refused(
    ctx: Context, client: FlaskClient, admin: dict[str, str], change: Any, pointer: str
) -> None:
    etag = create_text(client, admin)
    reconcile(ctx)
    assert refused(ctx, client, admin, etag, change) == [(pointer, "image_missing")]
    new = {"id": "en/other", "data": {"title": "x"}, "body": f"![]({GONE})"}
    error = problem(client.post(f"{ARTICLES}/news", json=new, headers=admin), 422)
    assert "image_missing" in [item["code"] for item in error["errors"]]


@pytest.mark.parametrize(
    "body",
    [
        "![x](../../../assets/news/river-bus/photo-1.jpg)",
        "![x](https://example.org/none.jpg) ![y](//example.org/y.jpg) ![z](/public.jpg) ![w](images/w.jpg)",
        "![x](</src/assets/news/river-bus/photo-1.jpg>)",
        "`![x](@/assets/none.jpg)`",
    ],
)
def test_what_is_there_or_is_not_ours_is_accepted(client: FlaskClient, admin: dict[str, str], body: str) -> None:
    assert patch(client, admin, NAME, create_text(client, admin), {"body": body}).status_code == 200


def test_a_photo_beside_the_article_or_just_put_by_hand_is_seen(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    etag = create_text(client, admin)
    for path in ("src/content/news/en/beside me.jpg", "src/assets/news/new.jpg"):
        (site / path).write_bytes((site / "src/assets/news/river-bus/photo-1.jpg").read_bytes())
    body = "![x](./beside%20me.jpg) ![y](@/assets/news/new.jpg)"
    assert patch(client, admin, NAME, etag, {"body": body}).status_code == 200


def test_what_was_wrong_before_is_a_warning_wherever_it_moves(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    text = TEXT.replace(PHOTO, GONE).replace('[books, "open day"]', "[1, books]").replace("author: ", "writer: ")
    (site / "src/content/news/en/a-day.md").write_text(text)
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    saved = patch(client, admin, NAME, etag, {"data": {"title": "x", "tags": ["new", 1, "books"]}})
    assert saved.status_code == 200
    found = {(item["pointer"], item["code"]) for item in saved.get_json()["warnings"]}
    assert found == {
        ("/data/author", "required"),
        ("/data/tags/1", "type"),
        ("/data/image", "image_missing"),
        ("/body", "image_missing"),
    }
    second = {"data": {"tags": ["new", 1, 1]}}
    assert refused(ctx, client, admin, saved.headers["ETag"], second) == [("/data/tags/2", "type")]


def test_a_date_stays_a_date(ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    quoted = TEXT.replace("2025-06-24", "'2025-06-24'")
    headers = {**admin, "If-None-Match": "*"}
    new = client.put(f"{ARTICLES}/{NAME}", data=quoted.encode(), headers=headers, content_type="text/markdown")
    assert [item["code"] for item in problem(new, 422)["errors"]] == ["date_quoted"]
    (site / "src/content/news/en/a-day.md").write_text(quoted)
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    whole = client.get(f"{ARTICLES}/{NAME}").get_json()
    body = {"data": {**whole["data"], "title": "New"}, "body": whole["body"]}
    client.put(f"{ARTICLES}/{NAME}", json=body, headers={**admin, "If-Match": etag})
    assert "date: '2025-06-24'\n" in (site / "src/content/news/en/a-day.md").read_text()


def test_a_new_article_has_a_language_of_its_collection(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    data = client.get(f"{ARTICLES}/news/en/opening-day").get_json()["data"]
    before = state_of(ctx)
    for wrong in ({"id": "fr/x"}, {"id": "x"}, {"locale": "fr"}, {"slug": "x"}, {}):
        error = problem(client.post(f"{ARTICLES}/news", json={**wrong, "data": data}, headers=admin), 422)
        assert "en, km" in error["errors"][0]["detail"]
    assert state_of(ctx) == before
    annotate(ctx, locales=["en", "km", "fr"])
    created = client.post(f"{ARTICLES}/news", json={"locale": "fr", "slug": "x", "data": data}, headers=admin)
    assert created.status_code == 201


def test_annotations_say_what_the_schema_cannot(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    annotate(ctx, images=["image"], references={"author": "places"}, alt_required=True)
    change = {"data": {"image": "https://example.org/x.jpg"}, "body": f"![ ]({PHOTO})"}
    assert refused(ctx, client, admin, etag, change) == [("/data/image", "image"), ("/body", "alt_missing")]
    assert refused(ctx, client, admin, etag, {"data": {"author": "en/nobody"}}) == [
        ("/data/author", "reference_missing")
    ]
    saved = patch(client, admin, NAME, etag, {"data": {"author": "en/river-house"}})
    assert saved.status_code == 200
    assert "warnings" not in saved.get_json()


def test_photos_go_to_the_folder_that_the_annotation_names(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    create_text(client, admin, text=TEXT.replace(f'image: "{PHOTO}"\n', "").replace(f"![The hall]({PHOTO})", ""))
    annotate(ctx, folder="events")
    data = {"article": NAME, "files": (site / "src/assets/news/river-bus/photo-1.jpg").open("rb")}
    (item,) = client.post("/api/v1/images", data=data, headers=admin).get_json()["items"]
    assert (item["path"], item["ref"]) == ("events/a-day/photo-1.jpg", "@/assets/events/a-day/photo-1.jpg")


@pytest.mark.parametrize("text", ["{", "[]", '{"image": ["x"]}', '{"folder": "../x"}', '{"locales": ["english"]}'])
def test_an_annotation_that_cannot_be_read_is_named_and_rules_nothing(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, text: str
) -> None:
    (site / "src/content/news.cms.json").write_text(text)
    reconcile(ctx)
    create_text(client, admin)
    assert ("src/content/news", "rules_unreadable") in {(found.path, found.code) for found in check(ctx)}


def test_check_goes_by_the_annotation(ctx: Context) -> None:
    annotate(ctx, references={"author": "places"})
    assert {found.code for found in check(ctx)} == {"reference_missing"}


def test_a_schema_that_changes_rules_from_then_on(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    etag = create_text(client, admin)
    path = site / "src/content/news.schema.json"
    schema = json.loads(path.read_text())
    rules = schema.get("definitions", {}).get("news", schema)
    rules["properties"]["author"] = {"enum": ["Desk"]}
    rules["properties"]["place"] = {"type": "string"}
    path.write_text(json.dumps(schema))
    reconcile(ctx)
    assert client.get("/api/v1/collections/news/schema").get_json() == schema
    assert {(found.code, found.pointer) for found in check(ctx)} >= {("enum", "/data/author")}
    saved = patch(client, admin, NAME, etag, {"data": {"place": "Kampot"}})
    assert [item["pointer"] for item in saved.get_json()["warnings"]] == ["/data/author"]
    assert refused(ctx, client, admin, saved.headers["ETag"], {"data": {"author": "Other"}}) == [
        ("/data/author", "enum")
    ]


def test_errors_say_what_to_write(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    change = {"data": {"title": 5, "date": "tomorrow", "tags": "x", "author": None}}
    error = problem(patch(client, admin, NAME, etag, change), 422)
    assert {item["pointer"]: item["detail"] for item in error["errors"]} == {
        "/data/title": "has to be text",
        "/data/date": "write a date, as in 2025-12-31",
        "/data/tags": "has to be a list",
        "/data/author": "is required",
    }
