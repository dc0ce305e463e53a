"""Photos of what is not published: nobody sees them until something published shows them, and nobody loses them."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.copying import COPY, NAME, Editor
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_images import IMAGES, picture, send
from tests.api.test_replace_images import TRASH, trashed
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

DRAFT = "news/en/sekret"
Headers = dict[str, str]


def upload(client: FlaskClient, headers: Headers, name: str = DRAFT, size: int = 50) -> str:
    """Send a photo for the article; returns its path."""
    response = send(client, headers, (picture(size=(size, 40)), "sekret.jpg"), article=name)
    assert response.status_code == 201, response.text
    return str(response.get_json()["items"][0]["path"])


def showing(path: str, *, draft: bool = False) -> str:
    text = TEXT.replace("![The hall](@/assets/news/river-bus/photo-1.jpg)", f"![](@/assets/{path})")
    return text.replace("tags:", "draft: true\ntags:") if draft else text


def draft_with_photo(client: FlaskClient, headers: Headers) -> str:
    """A draft that shows a photo of its own; returns the photo's path."""
    made = create_text(client, headers, DRAFT, TEXT.replace("tags:", "draft: true\ntags:"))
    path = upload(client, headers)
    body = showing(path).split("---\n", 2)[2]
    assert patch(client, headers, DRAFT, made, {"body": body}).status_code == 200
    return path


def open_photo(client: FlaskClient, headers: Headers) -> str:
    """Send a photo to a folder, as who may publish; returns its path."""
    response = send(client, headers, (picture(size=(51, 40)), "open.jpg"), folder="pages")
    return str(response.get_json()["items"][0]["path"])


def delete(client: FlaskClient, headers: Headers, url: str) -> None:
    etag = client.get(url, headers=headers).headers["ETag"]
    assert client.delete(url, headers={**headers, "If-Match": etag}).status_code == 204


def is_public(client: FlaskClient, path: str) -> bool:
    listed = path in {item["path"] for item in client.get(f"{IMAGES}?limit=100").get_json()["items"]}
    found = {client.get(f"{IMAGES}/{path}").status_code == 200, client.get(f"/media/{path}").status_code == 200, listed}
    assert len(found) == 1
    return found.pop()


@both_databases
def test_the_photos_of_a_deleted_draft_stay_hidden_until_something_public_shows_them(
    client: FlaskClient, admin: Headers, ctx: Context
) -> None:
    _, cursor = feed(client)
    path = draft_with_photo(client, admin)
    assert not is_public(client, path)
    delete(client, admin, f"{ARTICLES}/{DRAFT}")
    assert not is_public(client, path)
    assert client.get(f"{IMAGES}/{path}", headers=admin).status_code == 200
    assert feed(client, cursor)[0] == []
    reconcile(ctx)
    again = make_context(make_settings(site_of(ctx), ctx.settings.database, timezone="Europe/Berlin"))
    assert not is_public(make_client(again), path), "the tables were made again"
    close(again)
    create_text(client, admin, text=showing(path))
    assert is_public(client, path)
    delete(client, admin, f"{ARTICLES}/{NAME}")
    assert is_public(client, path), "everybody has seen it"


def test_a_photo_that_waits_for_its_draft_stays_hidden_when_the_tables_are_made_again(
    client: FlaskClient, admin: Headers, ctx: Context
) -> None:
    create_text(client, admin, DRAFT, TEXT.replace("tags:", "draft: true\ntags:"))
    path = upload(client, admin)
    again = make_context(make_settings(site_of(ctx), ctx.settings.database, timezone="Europe/Berlin"))
    assert not is_public(make_client(again), path)
    close(again)


def test_what_took_the_place_of_a_photo_in_hiding_stays_hidden_with_the_draft_gone(
    client: FlaskClient, admin: Headers, ctx: Context
) -> None:
    path = draft_with_photo(client, admin)
    assert not is_public(client, path)
    tag = client.get(f"{IMAGES}/{path}", headers=admin).headers["ETag"]
    new = client.put(
        f"{IMAGES}/{path}", data=picture(size=(33, 33)), headers={**admin, "If-Match": tag}, content_type="image/jpeg"
    )
    assert new.status_code == 200
    delete(client, admin, f"{ARTICLES}/{DRAFT}")
    assert not is_public(client, path)
    (old,) = trashed(client, admin)
    response = client.post(f"{TRASH}/{old['id']}", headers={**admin, "If-Match": new.headers["ETag"]})
    assert response.status_code == 200
    assert not is_public(client, path), "nothing shows it that would bring it back into sight"


@both_databases
def test_the_trash_tells_of_photos_that_were_never_public_only_those_who_may_read_drafts(
    client: FlaskClient, admin: Headers, ctx: Context
) -> None:
    path = draft_with_photo(client, admin)
    seen = open_photo(client, admin)
    delete(client, admin, f"{ARTICLES}/{DRAFT}")
    for gone in (path, seen):
        delete(client, admin, f"{IMAGES}/{gone}")
    writer, reader = bearer(ctx, "images:write"), bearer(ctx, "images:write", "articles:read-drafts")
    narrow = bearer(ctx, "images:write", "articles:read-drafts:news")
    (hidden,) = (item["id"] for item in trashed(client, reader) if item["path"] == path)
    for headers in (writer, narrow):
        assert [item["path"] for item in trashed(client, headers)] == [seen]
        assert trashed(client, headers, f"?path={path}") == []
        before = state_of(ctx)
        for method in ("POST", "DELETE"):
            told = problem(client.open(f"{TRASH}/{hidden}", method=method, headers=headers), 404)
            never = problem(client.open(f"{TRASH}/{'0' * 24}", method=method, headers=headers), 404)
            assert told["detail"] == never["detail"]
        assert state_of(ctx) == before
    assert client.post(f"{TRASH}/{hidden}", headers=reader).status_code == 200
    assert not is_public(client, path), "it comes back as it was"
    assert [item["path"] for item in trashed(client, reader)] == [seen]


@pytest.fixture
def editor(client: FlaskClient, admin: Headers) -> Editor:
    return Editor(client, admin)


@both_databases
def test_a_photo_that_a_working_copy_shows_is_in_use(editor: Editor, ctx: Context) -> None:
    client, admin = editor.client, editor.headers
    etag = create_text(client, admin)
    path = open_photo(client, admin)
    url = f"{IMAGES}/{path}"

    def unused() -> list[str]:
        return [item["path"] for item in client.get(f"{IMAGES}?unused=true", headers=admin).get_json()["items"]]

    assert unused() == [path]
    etag = editor.save(etag, {"body": f"![](@/assets/{path})\n"}).headers["ETag"]
    assert unused() == []
    assert client.get(url, headers=admin).get_json()["used_by"] == [NAME]
    assert client.get(url).get_json()["used_by"] == []
    tag = {"If-Match": client.get(url).headers["ETag"]}
    before = state_of(ctx)
    assert problem(client.delete(url, headers={**admin, **tag}), 409)["used_by"] == [NAME]
    writer = bearer(ctx, "images:write", "articles:publish")
    assert problem(client.delete(url, headers={**writer, **tag}), 409)["used_by"] == []
    assert without_tokens(state_of(ctx)) == without_tokens(before)
    etag = editor.save(etag, {"body": "No photo.\n"}).headers["ETag"]
    assert unused() == [path]
    etag = editor.save(etag, {"body": f"![](@/assets/{path})\n"}).headers["ETag"]
    moved = patch(client, admin, NAME, client.get(f"{ARTICLES}/{NAME}").headers["ETag"], {"id": "en/moved"})
    assert moved.status_code == 200, moved.text
    assert client.get(url, headers=admin).get_json()["used_by"] == ["news/en/moved"]
    assert editor.discard(etag, "news/en/moved").status_code == 204
    assert unused() == [path]
    assert client.delete(url, headers={**admin, **tag}).status_code == 204


def test_what_a_working_copy_showed_the_article_shows_once_it_is_published(editor: Editor) -> None:
    etag = create_text(editor.client, editor.headers)
    path = upload(editor.client, editor.headers, NAME)
    etag = editor.save(etag, {"body": f"![](@/assets/{path})\n"}).headers["ETag"]
    assert editor.publish(etag).status_code == 200
    assert editor.client.get(COPY, headers=editor.headers).status_code == 404
    assert editor.client.get(f"{IMAGES}/{path}").get_json()["used_by"] == [NAME]


def without_tokens(state: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in state.items() if not name.endswith(":tokens")}
