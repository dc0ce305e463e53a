"""Changing articles through the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.store.base import version_of
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import bearer, both_databases, reconcile, site_of, state_of

NAME = "news/en/a-day"
pytestmark = both_databases


def file_of(site: Path, name: str = NAME) -> str:
    return (site / "src/content" / f"{name}.md").read_bytes().decode()


def test_a_patch_of_one_field_changes_its_line_and_no_other(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    etag = create_text(client, admin)
    response = patch(client, admin, NAME, etag, {"data": {"title": "An evening's end"}})
    assert response.status_code == 200
    assert response.get_json()["data"]["title"] == "An evening's end"
    assert file_of(site) == TEXT.replace("'A day at the library'", "'An evening''s end'")


def test_a_patch_that_changes_nothing_writes_nothing(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    same = {"data": {"title": "A day at the library", "date": "2025-06-24", "tags": ["books", "open day"]}}
    response = patch(client, admin, NAME, etag, same)
    assert response.status_code == 200
    assert response.headers["ETag"] == etag
    assert state_of(ctx) == before


def test_a_date_stays_a_date(client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    etag = create_text(client, admin)
    response = patch(client, admin, NAME, etag, {"data": {"date": "2025-07-01"}})
    assert response.get_json()["dates"] == ["/date"]
    assert file_of(site) == TEXT.replace("date: 2025-06-24", "date: 2025-07-01")


def test_null_removes_a_field_and_a_new_field_is_added_at_the_end(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    etag = create_text(client, admin)
    response = patch(client, admin, NAME, etag, {"data": {"image": None, "draft": False}})
    assert "image" not in response.get_json()["data"]
    image = 'image: "@/assets/news/river-bus/photo-1.jpg"\n'
    expected = TEXT.replace(image, "").replace('[books, "open day"]\n', '[books, "open day"]\ndraft: false\n')
    assert file_of(site) == expected


def test_a_new_body_leaves_front_matter_and_the_blank_line_alone(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    etag = create_text(client, admin)
    response = patch(client, admin, NAME, etag, {"body": "ថ្មី\n"})
    assert response.get_json()["body"] == "ថ្មី\n"
    head = TEXT[: TEXT.index("First paragraph")]
    assert file_of(site) == head + "ថ្មី\n"


def test_a_nested_change_touches_the_entry_it_means(client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    place = next((site / "src/content/places/en").glob("*.md"))
    name = f"places/en/{place.stem}"
    before = place.read_text().splitlines()
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    response = patch(client, admin, name, etag, {"data": {"contact": {"address": "Another street"}}})
    assert response.status_code == 200, response.text
    after = place.read_text().splitlines()
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 1
    assert "address" in changed[0][0]
    assert "Another street" in changed[0][1]


def test_put_replaces_data_and_body_and_keeps_the_lines_that_are_the_same(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    etag = create_text(client, admin)
    article = client.get(f"{ARTICLES}/{NAME}").get_json()
    data = {**article["data"], "author": "Somebody else"}
    headers = {**admin, "If-Match": etag}
    response = client.put(f"{ARTICLES}/{NAME}", json={"data": data, "body": article["body"]}, headers=headers)
    assert response.status_code == 200, response.text
    assert file_of(site) == TEXT.replace("author: Reading Room", "author: Somebody else")


def test_put_of_markdown_stores_the_file_byte_for_byte(client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    etag = create_text(client, admin)
    text = "\ufeff" + TEXT.replace("\n", "\r\n")
    headers = {**admin, "If-Match": etag}
    response = client.put(f"{ARTICLES}/{NAME}", data=text.encode(), headers=headers, content_type="text/markdown")
    assert response.status_code == 200, response.text
    assert (site / "src/content" / f"{NAME}.md").read_bytes() == text.encode()
    got = client.get(f"{ARTICLES}/{NAME}", headers={"Accept": "text/markdown"})
    assert got.content_type == "text/markdown; charset=utf-8"
    assert got.data == text.encode()


def test_an_article_is_created_from_its_title(client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    data = {"title": "Books, tea & talk", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}
    body = {"locale": "en", "data": data, "body": "Text.\n"}
    first = client.post(f"{ARTICLES}/news", json=body, headers=admin)
    assert first.status_code == 201, first.text
    assert first.get_json()["id"] == "en/books-tea-talk"
    assert first.headers["Location"] == "/api/v1/articles/news/en/books-tea-talk"
    assert file_of(site, "news/en/books-tea-talk").startswith("---\ntitle: Books, tea & talk\ndescription: d\n")
    assert "date: 2025-01-02\n" in file_of(site, "news/en/books-tea-talk")
    assert file_of(site, "news/en/books-tea-talk").endswith("---\n\nText.\n")
    second = client.post(f"{ARTICLES}/news", json=body, headers=admin)
    assert second.get_json()["id"] == "en/books-tea-talk-2"
    got = client.get(first.headers["Location"])
    assert got.get_json() == first.get_json()
    assert got.headers["ETag"] == first.headers["ETag"]


def test_a_khmer_title_makes_a_khmer_id(client: FlaskClient, admin: dict[str, str]) -> None:
    data = {"title": "ថ្ងៃបើក បណ្ណាល័យ", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}
    response = client.post(f"{ARTICLES}/news", json={"locale": "km", "data": data}, headers=admin)
    assert response.get_json()["id"] == "km/ថ្ងៃបើក-បណ្ណាល័យ"
    assert client.get(response.headers["Location"]).status_code == 200


def test_an_article_is_deleted_and_stays_in_the_history(client: FlaskClient, admin: dict[str, str], site: Path) -> None:
    etag = create_text(client, admin)
    response = client.delete(f"{ARTICLES}/{NAME}", headers={**admin, "If-Match": etag})
    assert response.status_code == 204
    assert not (site / "src/content" / f"{NAME}.md").exists()
    problem(client.get(f"{ARTICLES}/{NAME}", headers=admin), 404)
    history = client.get(f"/api/v1/history/{NAME}", headers=admin).get_json()["items"]
    assert [item["action"] for item in history] == ["deleted", "created"]


def test_a_collection_without_articles_gets_its_first_one_again_and_again(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    (site_of(ctx) / "src/content/notes.schema.json").write_text('{"type": "object"}')
    reconcile(ctx)
    for name in ("notes/first", "notes/second"):
        etag = create_text(client, admin, name)
        assert client.delete(f"{ARTICLES}/{name}", headers={**admin, "If-Match": etag}).status_code == 204
    seq = client.get("/api/v1/history/notes/second", headers=admin).get_json()["items"][-1]["seq"]
    assert client.post(f"/api/v1/history/notes/second?seq={seq}", headers=admin).status_code == 201
    assert client.get(f"{ARTICLES}/notes/second").status_code == 200


def test_proxies_may_mark_a_tag_and_a_save_still_goes_through(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    for number, (before, after) in enumerate([("W/", ""), ("", "-gzip"), ("W/", "-br")]):
        marked = f'{before}{etag[:-1]}{after}"'
        response = patch(client, admin, NAME, marked, {"data": {"title": f"Title {number}"}})
        assert response.status_code == 200, response.text
        problem(patch(client, admin, NAME, marked, {"data": {"title": "Late"}}), 412)
        etag = response.headers["ETag"]
    only_version = f'"{etag[1:65]}"'
    assert patch(client, admin, NAME, only_version, {"data": {"title": "Last"}}).status_code == 200


def test_a_hand_edit_is_a_revision_before_it_is_overwritten(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    create_text(client, admin)
    by_hand = TEXT.replace("Reading Room", "By hand")
    path = site / "src/content" / f"{NAME}.md"
    path.write_text(by_hand)
    etag = f'"{version_of(by_hand.encode())}-"'
    response = patch(client, admin, NAME, etag, {"data": {"title": "Next"}})
    assert response.status_code == 200, response.text
    history = client.get(f"/api/v1/history/{NAME}", headers=admin).get_json()["items"]
    assert [(item["source"], item["actor"]) for item in history][:2] == [("api", "editor"), ("files", "files")]
    old = client.get(f"/api/v1/history/{NAME}?seq={history[1]['seq']}", headers=admin).get_json()["items"][0]
    assert old["text"] == by_hand


def test_a_save_adds_no_error_and_names_the_old_ones(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    path = site_of(ctx) / "src/content/news/en/odd.md"
    path.write_text("---\ntitle: 12\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n")
    reconcile(ctx)
    got = client.get(f"{ARTICLES}/news/en/odd")
    response = patch(client, admin, "news/en/odd", got.headers["ETag"], {"data": {"author": "b"}})
    assert response.status_code == 200, response.text
    assert [warning["pointer"] for warning in response.get_json()["warnings"]] == ["/data/title"]
    again = patch(client, admin, "news/en/odd", response.headers["ETag"], {"data": {"tags": "x"}})
    assert [error["pointer"] for error in problem(again, 422)["errors"]] == ["/data/tags"]


def test_publishing_needs_its_own_scope(client: FlaskClient, ctx: Context, admin: dict[str, str]) -> None:
    """AC-11."""
    writer = bearer(ctx, "articles:write:news", "articles:read-drafts:news")
    draft = TEXT.replace("tags:", "draft: true\ntags:")
    etag = create_text(client, writer, text=draft)
    edited = patch(client, writer, NAME, etag, {"data": {"title": "Still a draft"}})
    assert edited.status_code == 200
    reconcile(ctx)
    before = state_of(ctx)
    problem(patch(client, writer, NAME, edited.headers["ETag"], {"data": {"draft": None}}), 403)
    problem(patch(client, writer, NAME, edited.headers["ETag"], {"data": {"draft": False}}), 403)
    assert state_of(ctx) == before
    published = patch(client, admin, NAME, edited.headers["ETag"], {"data": {"draft": None}})
    assert published.get_json()["status"] == "published"
    reconcile(ctx)
    before = state_of(ctx)
    problem(patch(client, writer, NAME, published.headers["ETag"], {"data": {"title": "x"}}), 403)
    problem(patch(client, writer, NAME, published.headers["ETag"], {"data": {"draft": True}}), 403)
    problem(client.delete(f"{ARTICLES}/{NAME}", headers={**writer, "If-Match": published.headers["ETag"]}), 403)
    assert state_of(ctx) == before


@pytest.mark.parametrize(
    ("raw", "change", "expected"),
    [
        ("base: &b {x: 1}\ncopy: *b\n", {"base": {"x": 2}}, ("/data/base/x", "cannot_edit")),
        ("base: &b {x: 1}\ncopy: *b\n", {"base": None}, ("/data/base", "cannot_edit")),
        ("title: x\n...\n", {"new": "y"}, ("/data/new", "cannot_edit")),
        ("title: x\ntitle: y\n", {"title": "z"}, ("/data/title", "yaml_duplicate_key")),
    ],
)
def test_what_cannot_be_done_exactly_is_refused_and_the_file_stays(
    ctx: Context, client: FlaskClient, admin: dict[str, str], raw: str, change: object, expected: tuple[str, str]
) -> None:
    path = site_of(ctx) / "src/content/loose/x.md"
    path.parent.mkdir()
    path.write_text(f"---\n{raw}---\nBody.\n")
    reconcile(ctx)
    before = state_of(ctx)
    etag = client.get(f"{ARTICLES}/loose/x", headers=admin).headers["ETag"]
    found = problem(patch(client, admin, "loose/x", etag, {"data": change}), 422)
    assert [(item["pointer"], item["code"]) for item in found["errors"]] == [expected]
    assert found["errors"][0]["detail"]
    assert state_of(ctx) == before


def test_toml_is_edited_by_its_lines_too(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    path = site_of(ctx) / "src/content/loose/x.md"
    path.parent.mkdir()
    text = "+++\n# by hand\ntitle = 'x'  # the title\ndate = 2025-06-24\n\n[extra]\ndeep = 1\n+++\n\nBody.\n"
    path.write_text(text)
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/loose/x").headers["ETag"]
    saved = patch(client, admin, "loose/x", etag, {"data": {"date": "2026-01-01", "extra": {"deep": 2}}})
    assert saved.get_json()["dates"] == ["/date"]
    assert path.read_text() == text.replace("2025-06-24", "2026-01-01").replace("deep = 1", "deep = 2")
