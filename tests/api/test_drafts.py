"""Working copies: changes to an article that nobody else sees until they are published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.store.base import version_of
from tests.api.copying import COPY, DRAFTS, NAME, Editor
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import bearer, both_databases, make_client, reconcile, state_of
from tests.receiver import Receiver
from tests.store.racing import race
from tests.telling import deliver_due, make_hook

URL = f"{ARTICLES}/{NAME}"
GOOD = {"title": "t", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}


@pytest.fixture
def editor(client: FlaskClient, admin: dict[str, str]) -> Editor:
    return Editor(client, admin)


@pytest.fixture
def etag(client: FlaskClient, admin: dict[str, str], ctx: Context) -> str:
    """The tag of a published article, which the site has had for a while."""
    made = create_text(client, admin)
    reconcile(ctx)
    return made


def file_of(site: Path, name: str = NAME) -> str:
    return (site / "src/content" / f"{name}.md").read_bytes().decode()


def without_copies(state: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in state.items() if not name.endswith((":drafts", ":draft_images"))}


@both_databases
def test_a_copy_is_saved_read_and_published(editor: Editor, etag: str, site: Path) -> None:
    saved = editor.save(etag, {"data": {"title": "An evening"}, "body": "*New.*\n"})
    assert saved.status_code == 200, saved.text
    assert saved.headers["Content-Location"] == COPY
    copy = saved.get_json()
    assert (copy["data"]["title"], copy["html"], copy["status"]) == (
        "An evening",
        "<p><em>New.</em></p>\n",
        "published",
    )
    assert (copy["base_version"], copy["current_version"]) == (etag[1:65], etag[1:65])
    assert (copy["is_stale"], copy["actor"], copy["warnings"]) == (False, "editor", [])
    expected = TEXT[: TEXT.index("First")].replace("A day at the library", "An evening") + "*New.*\n"
    assert copy["version"] == version_of(expected.encode()) == saved.headers["ETag"][1:65]
    assert file_of(site) == TEXT
    read = editor.read()
    assert (read.get_json(), read.headers["ETag"]) == (copy, saved.headers["ETag"])
    assert editor.client.get(COPY, headers={**editor.headers, "If-None-Match": read.headers["ETag"]}).status_code == 304
    again = editor.save(read.headers["ETag"], {"data": {"author": "Me"}})
    expected = expected.replace("author: Reading Room", "author: Me")
    published = editor.publish(again.headers["ETag"], query="?message=Two%20changes")
    assert published.status_code == 200, published.text
    assert published.get_json()["version"] == version_of(expected.encode())
    assert file_of(site) == expected
    history = editor.client.get(f"/api/v1/history/{NAME}", headers=editor.headers).get_json()["items"]
    assert [(item["action"], item.get("message")) for item in history] == [
        ("updated", "Two changes"),
        ("created", None),
    ]
    problem(editor.read(), 404)
    assert editor.listed() == []


@both_databases
def test_a_copy_changes_nothing_that_anybody_else_sees(
    editor: Editor, etag: str, ctx: Context, receiver: Receiver
) -> None:
    """AC-45: nobody locks an article; a working copy keeps nobody from saving it."""
    make_hook(editor.client, editor.headers, receiver.url)
    deliver_due(ctx)
    urls = ["/articles", "/articles?q=unheard", "/articles?status=all&total=true", f"/articles/{NAME}", "/collections",
            "/collections/news", "/sync", "/sync?drafts=true", f"/history/{NAME}", "/images"]  # fmt: skip

    def seen() -> list[Any]:
        answers = [editor.client.get(f"/api/v1{url}", headers=who) for who in ({}, editor.headers) for url in urls]
        assert [answer.status_code for answer in answers].count(200) == 2 * len(urls) - 3  # what is not for the public
        told = [(answer.headers.get("ETag"), answer.data) for answer in answers if answer.status_code == 200]
        return [*told, [answer.status_code for answer in answers]]

    before, state = seen(), state_of(ctx)
    told = len(receiver.messages)
    body = {"data": {"title": "Unheard", "draft": True}, "body": "![x](@/assets/news/opening-day/photo-5.jpg)\n"}
    saved = editor.save(etag, body, Prefer="urgent")
    assert saved.status_code == 200, saved.text
    assert "Preference-Applied" not in saved.headers
    assert seen() == before
    assert without_copies(state_of(ctx)) == without_copies(state)
    assert editor.discard(saved.headers["ETag"], Prefer="urgent").status_code == 204
    assert seen() == before
    assert state_of(ctx) == state
    assert deliver_due(ctx) == 0
    assert len(receiver.messages) == told


def test_every_kind_of_edit_makes_a_copy(editor: Editor, etag: str, site: Path) -> None:
    article = editor.client.get(URL).get_json()
    put = editor.put(etag, {"data": {**article["data"], "author": "Me"}, "body": article["body"]})
    assert put.get_json()["version"] == version_of(TEXT.replace("Reading Room", "Me").encode())
    headers = {**editor.headers, "If-Match": put.headers["ETag"]}
    operations = [{"op": "add", "path": "/data/tags/0", "value": "new"}]
    patched = editor.client.patch(
        f"{URL}?draft=true", json=operations, headers=headers, content_type="application/json-patch+json"
    )
    assert patched.get_json()["data"]["tags"] == ["new", "books", "open day"]
    windows = "\ufeff" + TEXT.replace("\n", "\r\n")
    text = editor.put(patched.headers["ETag"], windows)
    assert text.get_json()["version"] == version_of(windows.encode())
    assert editor.publish(text.headers["ETag"]).status_code == 200
    assert file_of(site) == windows


def test_a_dry_run_and_a_short_answer(editor: Editor, etag: str, ctx: Context, site: Path) -> None:
    before = state_of(ctx)
    shown = editor.save(etag, {"data": {"author": "Me"}}, query="&dry_run=true").get_json()
    assert "+author: Me\n" in shown["diff"]
    assert state_of(ctx) == before
    short = editor.save(etag, {"data": {"author": "Me"}}, Prefer="return=minimal")
    assert (short.status_code, short.data) == (204, b"")
    assert short.headers["ETag"] == editor.read().headers["ETag"]
    before = state_of(ctx)
    shown = editor.publish(short.headers["ETag"], query="?dry_run=true").get_json()
    assert "-author: Reading Room\n+author: Me\n" in shown["diff"]
    same = editor.save(short.headers["ETag"], {"data": {"author": "Me"}})
    assert same.headers["ETag"] == short.headers["ETag"]
    assert state_of(ctx) == before
    assert editor.publish(short.headers["ETag"], Prefer="return=minimal").status_code == 204
    assert "author: Me\n" in file_of(site)


def test_a_copy_that_says_what_the_article_says_goes_and_writes_nothing(
    editor: Editor, etag: str, ctx: Context
) -> None:
    before = state_of(ctx)
    saved = editor.save(etag, {"data": {}})
    assert (len(editor.listed()), saved.get_json()["version"]) == (1, etag[1:65])
    assert editor.publish(saved.headers["ETag"]).headers["ETag"] == etag
    assert state_of(ctx) == before


def test_an_incomplete_copy_has_warnings_and_is_not_published(editor: Editor, etag: str, ctx: Context) -> None:
    body = {"data": {"title": None, "image": "@/assets/none.jpg"}}
    saved = editor.save(etag, body)
    assert saved.status_code == 200, saved.text
    found = {(warning["pointer"], warning["code"]) for warning in saved.get_json()["warnings"]}
    assert ("/data/image", "image_missing") in found
    assert len(found) == 2
    assert editor.listed()[0]["warnings"] == saved.get_json()["warnings"]
    before = state_of(ctx)
    refused = problem(editor.publish(saved.headers["ETag"]), 422)
    assert {(error["pointer"], error["code"]) for error in refused["errors"]} == found
    assert state_of(ctx) == before
    mended = editor.save(saved.headers["ETag"], {"data": {"title": "There", "image": None}})
    assert mended.get_json()["warnings"] == []
    assert editor.publish(mended.headers["ETag"]).status_code == 200


def test_what_was_wrong_with_the_article_before_is_published_again(
    editor: Editor, etag: str, ctx: Context, site: Path
) -> None:
    path = site / f"src/content/{NAME}.md"
    path.write_text(TEXT.replace("title: 'A day at the library'", "title: 5"))
    reconcile(ctx)
    etag = editor.client.get(URL).headers["ETag"]
    saved = editor.save(etag, {"data": {"author": "Me"}})
    assert [warning["pointer"] for warning in saved.get_json()["warnings"]] == ["/data/title"]
    assert editor.publish(saved.headers["ETag"]).status_code == 200
    assert "author: Me" in path.read_text()


@both_databases
def test_a_copy_of_an_article_that_has_changed_is_stale(editor: Editor, etag: str, ctx: Context, site: Path) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    theirs = patch(editor.client, editor.headers, NAME, etag, {"data": {"author": "Theirs"}})
    stale = editor.read().get_json()
    assert (stale["is_stale"], stale["base_version"]) == (True, etag[1:65])
    assert stale["current_version"] == theirs.get_json()["version"]
    assert editor.listed()[0]["is_stale"]
    reconcile(ctx)
    before = state_of(ctx)
    refused = problem(editor.publish(saved.headers["ETag"]), 412, "base_changed")
    assert (refused["current_version"], refused["changed"]) == (theirs.get_json()["version"], ["/data/author"])
    assert state_of(ctx) == before
    merged = editor.publish(saved.headers["ETag"], Prefer="handling=merge")
    assert merged.status_code == 200, merged.text
    assert file_of(site) == TEXT.replace("A day at the library", "Mine").replace("Reading Room", "Theirs")
    assert editor.listed() == []


def test_changes_that_overlap_are_not_merged(editor: Editor, etag: str, ctx: Context) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    patch(editor.client, editor.headers, NAME, etag, {"data": {"title": "Theirs"}})
    reconcile(ctx)
    before = state_of(ctx)
    refused = problem(editor.publish(saved.headers["ETag"], Prefer="handling=merge"), 412, "base_changed")
    assert [error["pointer"] for error in refused["errors"]] == ["/data/title"]
    assert state_of(ctx) == before


def test_a_hand_edit_that_nobody_has_seen_is_not_published_over(
    editor: Editor, etag: str, ctx: Context, site: Path
) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    (site / f"src/content/{NAME}.md").write_text(TEXT + "By hand.\n")
    before = state_of(ctx)
    problem(editor.publish(saved.headers["ETag"]), 412, "base_changed")
    assert state_of(ctx) == before


def test_each_save_names_the_version_it_starts_from(editor: Editor, etag: str, ctx: Context) -> None:
    before = state_of(ctx)
    problem(editor.save(None, {"data": {"author": "Me"}}), 428)
    problem(editor.save('"' + "0" * 64 + '-"', {"data": {"author": "Me"}}), 412)
    assert state_of(ctx) == before
    saved = editor.save(etag, {"data": {"author": "Me"}})
    before = state_of(ctx)
    for refused in (editor.save(etag, {"data": {"author": "You"}}), editor.publish(etag), editor.discard(etag)):
        assert problem(refused, 412, "stale")["current_version"] == saved.get_json()["version"]
    problem(editor.publish(None), 428)
    problem(editor.discard(None), 428)
    assert state_of(ctx) == before


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"id": "en/other"}, 422, "/id"),
        ({"data": {"slug": "en/other"}}, 422, "/data/slug"),
        ({"data": 5}, 422, "/data"),
        ({"nothing": 1}, 422, "/nothing"),
        ({"body": "a\0b"}, 422, "/body"),
        ({"body": "x" * 1_100_000}, 422, ""),
    ],
)
def test_bad_input_keeps_no_copy(editor: Editor, etag: str, ctx: Context, body: Any, status: int, pointer: str) -> None:
    before = state_of(ctx)
    refused = problem(editor.save(etag, body), status)
    assert refused["errors"][0]["pointer"] == pointer
    assert state_of(ctx) == before


def test_bad_requests_keep_no_copy(editor: Editor, etag: str, ctx: Context) -> None:
    before = state_of(ctx)
    message = problem(editor.save(etag, {"body": "x"}, query="&message=hm"), 422)
    assert (message["errors"][0]["pointer"], message["errors"][0]["in"]) == ("/message", "query")
    problem(editor.put(None, {"data": GOOD, "body": ""}, **{"If-None-Match": "*"}), 422, "if_none_match")
    problem(editor.put(etag, "---\ntitle: [\n---\n"), 422)
    problem(editor.save(etag, {"body": "x"}, name="news/en/none"), 404)
    problem(editor.save(etag, {"body": "x"}, query="x"), 422)
    for method in ("get", "post", "delete"):
        call = getattr(editor.client, method)
        for name in ("news/en/none", NAME, "nowhere/x", "news/..%2f..%2fx", "news/en/a%00b"):
            problem(call(f"{DRAFTS}/{name}", headers={**editor.headers, "If-Match": etag}), 404)
    for query in ("?cursor=x", "?cursor=W10", "?cursor=WyJhIiwxXQ"):
        problem(editor.client.get(DRAFTS + query, headers=editor.headers), 400, "cursor")
    problem(editor.client.get(f"{DRAFTS}?limit=101", headers=editor.headers), 422)
    problem(editor.client.get(f"{DRAFTS}?collection=nowhere", headers=editor.headers), 404)
    post = editor.client.post(f"{ARTICLES}/news?draft=true", json={"id": "en/x", "data": GOOD}, headers=editor.headers)
    problem(post, 422)
    assert state_of(ctx) == before


def test_a_broken_article_is_mended_before_a_copy_is_begun(editor: Editor, etag: str, ctx: Context, site: Path) -> None:
    (site / f"src/content/{NAME}.md").write_text("---\ntitle: [\n---\n")
    reconcile(ctx)
    etag = editor.client.get(URL, headers=editor.headers).headers["ETag"]
    before = state_of(ctx)
    problem(editor.put(etag, TEXT), 422)
    assert state_of(ctx) == before


def test_who_may_do_what(editor: Editor, etag: str, ctx: Context) -> None:
    saved = editor.save(etag, {"data": {"author": "Me"}})
    tag, before = saved.headers["ETag"], state_of(ctx)["table:drafts"]

    def with_scopes(*scopes: str) -> Editor:
        return Editor(editor.client, bearer(ctx, *scopes))

    anyone = Editor(editor.client, {})
    for answer in (anyone.read(), anyone.save(tag, {}), anyone.publish(tag), anyone.discard(tag)):
        problem(answer, 401)
    problem(editor.client.get(DRAFTS), 401)
    reader = with_scopes("articles:read-drafts:news", "articles:write:places", "articles:publish:places")
    assert reader.read().status_code == 200
    assert len(reader.listed()) == len(reader.listed("?collection=news")) == 1
    problem(reader.client.get(f"{DRAFTS}?collection=places", headers=reader.headers), 403)
    for answer in (reader.save(tag, {}), reader.publish(tag), reader.discard(tag)):
        problem(answer, 403)
    elsewhere = with_scopes("articles:read-drafts:places", "articles:write", "articles:publish")
    assert elsewhere.listed() == []
    for answer in (elsewhere.read(), elsewhere.save(tag, {}), elsewhere.publish(tag), elsewhere.discard(tag)):
        problem(answer, 403)
    writer = with_scopes("articles:read-drafts", "articles:write")
    problem(writer.publish(tag), 403)
    problem(with_scopes("articles:read-drafts", "articles:publish").publish(tag), 403)
    assert state_of(ctx)["table:drafts"] == before
    written = writer.save(tag, {"data": {"author": "You"}})
    assert written.status_code == 200, written.text
    publisher = with_scopes("articles:read-drafts:news", "articles:write:news", "articles:publish:news")
    assert publisher.publish(written.headers["ETag"]).status_code == 200


@both_databases
def test_a_copy_follows_its_article_to_another_id(editor: Editor, etag: str, site: Path) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    renamed = patch(editor.client, editor.headers, NAME, etag, {"id": "en/one-day"})
    assert renamed.status_code == 200
    assert [(copy["id"], copy["is_stale"]) for copy in editor.listed()] == [("en/one-day", False)]
    assert problem(editor.read(), 410, "moved")["moved_to"] == "news/en/one-day"
    assert editor.read("news/en/one-day").get_json()["id"] == "en/one-day"
    assert editor.publish(saved.headers["ETag"], "news/en/one-day").status_code == 200
    assert file_of(site, "news/en/one-day") == TEXT.replace("A day at the library", "Mine")


def test_a_copy_follows_an_article_that_names_its_own_id(editor: Editor, etag: str, ctx: Context, site: Path) -> None:
    slugged = patch(editor.client, editor.headers, NAME, etag, {"data": {"slug": "en/a-day"}})
    saved = editor.save(slugged.headers["ETag"], {"data": {"title": "Mine"}})
    renamed = patch(editor.client, editor.headers, NAME, slugged.headers["ETag"], {"id": "en/b-day"})
    assert renamed.status_code == 200, renamed.text
    copy = editor.read("news/en/b-day").get_json()
    assert (copy["id"], copy["is_stale"], copy["data"]["slug"]) == ("en/b-day", True, "en/a-day")
    again = editor.save(saved.headers["ETag"], {"data": {"author": "Me"}}, name="news/en/b-day")
    assert again.status_code == 200, again.text
    published = editor.publish(again.headers["ETag"], "news/en/b-day", Prefer="handling=merge")
    assert published.status_code == 200, published.text
    data = published.get_json()["data"]
    assert (data["slug"], data["title"], data["author"]) == ("en/b-day", "Mine", "Me")


@both_databases
def test_the_copy_of_a_deleted_article_stays_until_it_is_discarded(editor: Editor, etag: str, ctx: Context) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    seq = editor.client.get(f"/api/v1/history/{NAME}", headers=editor.headers).get_json()["items"][0]["seq"]
    assert editor.client.delete(URL, headers={**editor.headers, "If-Match": etag}).status_code == 204
    left = editor.read().get_json()
    assert (left["current_version"], left["is_stale"], left["data"]["title"]) == (None, True, "Mine")
    before = state_of(ctx)
    problem(editor.publish(saved.headers["ETag"]), 404)
    problem(editor.save(saved.headers["ETag"], {"body": "x"}), 404)
    assert state_of(ctx) == before
    assert editor.client.post(f"/api/v1/history/{NAME}?seq={seq}", headers=editor.headers).status_code == 201
    assert not editor.read().get_json()["is_stale"]
    current = editor.client.get(URL).headers["ETag"]
    assert editor.client.delete(URL, headers={**editor.headers, "If-Match": current}).status_code == 204
    assert editor.discard(saved.headers["ETag"]).status_code == 204
    assert editor.listed() == []


def test_a_copy_follows_a_file_that_was_moved_by_hand(editor: Editor, etag: str, ctx: Context, site: Path) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    (site / f"src/content/{NAME}.md").rename(site / "src/content/news/en/b-day.md")
    reconcile(ctx)
    assert [(copy["id"], copy["is_stale"]) for copy in editor.listed()] == [("en/b-day", False)]
    assert editor.publish(saved.headers["ETag"], "news/en/b-day").status_code == 200
    assert file_of(site, "news/en/b-day") == TEXT.replace("A day at the library", "Mine")


def test_a_photo_that_went_meanwhile_is_missed_before_the_copy_is_published(
    editor: Editor, etag: str, ctx: Context, site: Path
) -> None:
    photo = site / "src/assets/news/river-bus/other.jpg"
    photo.write_bytes((site / "src/assets/news/river-bus/photo-1.jpg").read_bytes())
    reconcile(ctx)
    saved = editor.save(etag, {"data": {"image": "@/assets/news/river-bus/other.jpg"}})
    assert saved.get_json()["warnings"] == []
    photo.unlink()
    reconcile(ctx)
    before = state_of(ctx)
    refused = problem(editor.publish(saved.headers["ETag"]), 422)
    assert [error["code"] for error in refused["errors"]] == ["image_missing"]
    assert state_of(ctx) == before


def test_a_copy_left_behind_is_not_overwritten_by_one_that_follows(editor: Editor, etag: str) -> None:
    old = editor.save(etag, {"data": {"title": "Old"}})
    editor.client.delete(URL, headers={**editor.headers, "If-Match": etag})
    other = create_text(editor.client, editor.headers, "news/en/b-day")
    new = editor.save(other, {"data": {"title": "New"}}, name="news/en/b-day")
    renamed = patch(editor.client, editor.headers, "news/en/b-day", other, {"id": "en/a-day"})
    assert renamed.status_code == 200, renamed.text
    kept = {copy["id"]: copy["version"] for copy in editor.listed()}
    assert kept == {"en/a-day": old.get_json()["version"], "en/b-day": new.get_json()["version"]}
    assert editor.read("news/en/b-day").get_json()["data"]["title"] == "New"
    assert editor.discard(new.headers["ETag"], "news/en/b-day").status_code == 204


@both_databases
def test_copies_are_listed_a_page_at_a_time(editor: Editor, ctx: Context) -> None:
    names = sorted(f"{item['collection']}/{item['id']}" for item in editor.client.get(ARTICLES).get_json()["items"])
    for name in names[::-1]:
        etag = editor.client.get(f"{ARTICLES}/{name}").headers["ETag"]
        assert editor.save(etag, {"body": "New.\n"}, name=name).status_code == 200
    found, query = [], "?limit=3"
    while query:
        page = editor.client.get(DRAFTS + query, headers=editor.headers).get_json()
        found += [f"{item['collection']}/{item['id']}" for item in page["items"]]
        query = f"?limit=3&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert (found, len(found)) == (names, 10)
    assert len(editor.listed("?collection=places")) == 4


@both_databases
def test_of_several_saves_at_once_one_is_kept(ctx: Context, editor: Editor, etag: str) -> None:
    def save_from(tag: str, start: int) -> list[tuple[int, str]]:
        def act(number: int) -> tuple[int, str]:
            own, name = Editor(make_client(ctx), editor.headers), f"Editor {start + number}"
            return own.save(tag, {"data": {"author": name}}).status_code, name

        return race(4, act)

    for start in (0, 4):  # the first save, and the next
        answers = save_from(etag, start)
        assert sorted(status for status, _ in answers) == [200, 412, 412, 412]
        read = editor.read()
        assert read.get_json()["data"]["author"] == next(name for status, name in answers if status == 200)
        etag = read.headers["ETag"]


@both_databases
def test_of_publishing_saving_and_discarding_at_once_one_wins(
    ctx: Context, editor: Editor, etag: str, site: Path
) -> None:
    saved = editor.save(etag, {"data": {"author": "Me"}}).headers["ETag"]

    def act(number: int) -> tuple[int, int]:
        own = Editor(make_client(ctx), editor.headers)
        acts = (own.publish, own.discard, lambda tag: own.save(tag, {"data": {"author": "You"}}), own.publish)
        return number, acts[number](saved).status_code

    answers = race(4, act)
    won = [number for number, status in answers if status in (200, 204)]
    assert len(won) == 1, answers
    assert ("author: Me" in file_of(site)) is (won[0] in (0, 3))
    assert [copy["actor"] for copy in editor.listed()] == (["editor"] if won == [2] else [])


def test_a_publish_that_was_broken_off_is_finished_by_the_next(
    editor: Editor, etag: str, ctx: Context, site: Path
) -> None:
    saved = editor.save(etag, {"data": {"title": "Mine"}})
    (site / f"src/content/{NAME}.md").write_text(TEXT.replace("A day at the library", "Mine"))
    reconcile(ctx)
    assert editor.publish(saved.headers["ETag"]).status_code == 200
    assert editor.listed() == []
