"""A photo is replaced, deleted, restored; what goes stays in the trash for 30 days, where nobody else sees it."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import text, update
from werkzeug.test import TestResponse

from cms.actions import renditions, transfer, trash
from cms.context import Context
from cms.database.derived import images as images_table
from cms.database.engine import write
from cms.database.tables import trash as trash_table
from cms.store.base import Key
from tests.api.editing import ARTICLES, MERGE_PATCH, create_text, patch, problem
from tests.api.test_images import IMAGES, PLANTED, picture, send
from tests.conftest import bearer, reconcile, state_of, with_sqlite
from tests.store.racing import race

PATH = "news/river-bus/photo-1.jpg"
TRASH = "/api/v1/trash"


@pytest.fixture
def ctx(media_ctx: Context) -> Context:
    return media_ctx


def tag_of(client: FlaskClient, path: str = PATH) -> str:
    return client.get(f"{IMAGES}/{path}").headers["ETag"]


def replace(
    client: FlaskClient, headers: dict[str, str], data: bytes, path: str = PATH, kind: str = "image/jpeg", **more: str
) -> TestResponse:
    condition = more or {"If-Match": tag_of(client, path)}
    named = {name.replace("_", "-"): value for name, value in condition.items()}
    return client.put(f"{IMAGES}/{path}", data=data, headers={**headers, **named}, content_type=kind)


def put_by_hand(ctx: Context, site: Path) -> None:
    """A photo that the site has of its own, `apart/own.jpg`."""
    file = site / "src/assets/apart/own.jpg"
    file.parent.mkdir()
    file.write_bytes(picture(size=(30, 30)))
    reconcile(ctx)


def trashed(client: FlaskClient, headers: dict[str, str], query: str = "") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get(TRASH + query, headers=headers).get_json()["items"]
    return items


@pytest.mark.usefixtures("few_photos", "without_avif")
def test_a_replaced_photo_is_another_everywhere_and_can_be_restored(
    client: FlaskClient, admin: dict[str, str], ctx: Context, site: Path
) -> None:
    renditions.make(ctx)
    before = client.get(f"{IMAGES}/{PATH}").get_json()
    original = client.get(before["url"]).data
    etag = tag_of(client)
    response = replace(client, admin, picture(size=(700, 500)))
    assert response.status_code == 200, response.text
    after = response.get_json()
    assert response.headers["ETag"].startswith(f'"{after["sha256"]}-')
    assert (after["path"], after["width"], after["url"]) == (PATH, 700, before["url"])
    served = client.get(after["url"]).data
    assert Image.open(io.BytesIO(served)).size == (700, 500)
    assert PLANTED not in served
    shown = client.get("/api/v1/articles/news/en/river-bus").get_json()["images"]
    assert {item["sha256"] for item in shown if item["path"] == PATH} == {after["sha256"]}
    reconcile(ctx)
    renditions.make(ctx)
    now = client.get(f"{IMAGES}/{PATH}").get_json()
    assert not {item["url"] for item in now["variants"]} & {item["url"] for item in before["variants"]}

    (item,) = trashed(client, admin)
    assert (item["path"], item["reason"], item["sha256"]) == (PATH, "replaced", before["sha256"])
    assert item["placeholder"].startswith("data:")
    problem(client.post(f"{TRASH}/{item['id']}", headers={**admin, "If-Match": etag}), 412)
    problem(client.post(f"{TRASH}/{item['id']}", headers=admin), 428)
    restored = client.post(f"{TRASH}/{item['id']}", headers={**admin, "If-Match": tag_of(client)})
    assert restored.get_json()["sha256"] == before["sha256"]
    assert client.get(before["url"]).data == original
    reconcile(ctx)
    assert client.get(f"{IMAGES}/{PATH}").get_json()["sha256"] == before["sha256"]
    assert [item["sha256"] for item in trashed(client, admin, f"?path={PATH}")] == [now["sha256"]]


def test_a_deleted_photo_comes_back_with_what_was_said_of_it(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    url = f"{IMAGES}/{item['path']}"
    said = {"json": {"alt": {"en": "A boat"}}, "content_type": MERGE_PATCH}
    client.patch(url, **said, headers={**admin, "If-Match": tag_of(client, item["path"])})
    data = client.get(item["url"]).data
    assert client.delete(url, headers={**admin, "If-Match": tag_of(client, item["path"])}).status_code == 204
    reconcile(ctx)
    problem(client.get(url), 404)
    problem(client.get(item["url"]), 404)
    (gone,) = trashed(client, admin)
    assert gone["reason"] == "deleted"
    back = client.post(f"{TRASH}/{gone['id']}", headers=admin)
    assert back.status_code == 200, back.text
    assert (back.get_json()["alt"], back.get_json()["sha256"]) == ({"en": "A boat"}, item["sha256"])
    assert client.get(item["url"]).data == data


def test_a_photo_that_site_and_bucket_hold_is_gone_from_both(
    client: FlaskClient, admin: dict[str, str], ctx: Context, site: Path
) -> None:
    put_by_hand(ctx, site)
    assert replace(client, admin, picture(size=(40, 40)), "apart/own.jpg").status_code == 200
    url = f"{IMAGES}/apart/own.jpg"
    assert client.delete(url, headers={**admin, "If-Match": tag_of(client, "apart/own.jpg")}).status_code == 204
    reconcile(ctx)
    problem(client.get(url), 404)
    assert ctx.site.read(Key("src/assets/apart/own.jpg")) is None
    assert [item["reason"] for item in trashed(client, admin)] == ["deleted", "replaced"]


def test_the_same_photo_in_its_own_place_changes_nothing(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    before = state_of(ctx)
    assert replace(client, admin, picture(), item["path"]).get_json()["sha256"] == item["sha256"]
    assert state_of(ctx) == before


def test_what_cannot_take_its_place_leaves_it(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    tag = tag_of(client)
    writer = bearer(ctx, "articles:write", "images:write:places")
    before = state_of(ctx)
    problem(replace(client, admin, picture(), If_None_Match="*"), 428)
    problem(replace(client, admin, picture(), If_Match='"x"'), 412)
    problem(replace(client, admin, picture("PNG"), kind="image/png"), 415)
    problem(replace(client, admin, picture("PNG")), 415)
    problem(replace(client, admin, b"%PDF-1.7"), 415)
    problem(replace(client, admin, picture(size=(300, 300))[:-400]), 422)
    problem(replace(client, admin, picture(), kind="text/plain"), 415)
    problem(replace(client, admin, picture(), path="none.jpg", If_Match=tag), 404)
    problem(replace(client, writer, picture()), 403)
    problem(replace(client, {}, picture()), 401)
    most = ctx.settings.limits.photo_bytes
    problem(replace(client, admin, picture() + b"\0" * most), 413)
    problem(client.get(TRASH), 401)
    problem(client.get(f"{TRASH}?path=x&cursor=none&other=1", headers=admin), 422)
    problem(client.post(f"{TRASH}/none", headers=admin), 404)
    problem(client.delete(f"{TRASH}/none", headers=admin), 404)
    assert state_of(ctx) == before


def test_the_trash_is_listed_page_by_page_and_emptied(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    for size in (41, 42, 43):
        replace(client, admin, picture(size=(size, 40)), item["path"])
    first = client.get(f"{TRASH}?limit=2", headers=admin).get_json()
    rest = client.get(f"{TRASH}?limit=2&cursor={first['next_cursor']}", headers=admin).get_json()
    assert [one["width"] for one in [*first["items"], *rest["items"]]] == [42, 41, 60]
    assert rest["next_cursor"] is None
    assert client.delete(f"{TRASH}/{first['items'][0]['id']}", headers=admin).status_code == 204
    assert [one["width"] for one in trashed(client, admin)] == [41, 60]
    assert len(list(ctx.private.list("trash"))) == 2


def test_after_thirty_days_it_is_gone_for_good(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    replace(client, admin, picture())
    (item,) = trashed(client, admin)
    with write(ctx.database) as tx:
        tx.execute(update(trash_table).values(time=trash_table.c.time - trash.KEPT_S))
    assert trashed(client, admin) == []
    problem(client.post(f"{TRASH}/{item['id']}", headers={**admin, "If-Match": tag_of(client)}), 404)


def test_nobody_reads_the_trash_by_address(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    replace(client, admin, picture())
    (item,) = trashed(client, admin)
    for url in (f"/media/trash/{item['id']}", f"/media/private/trash/{item['id']}", f"/media/../trash/{item['id']}"):
        problem(client.get(url, headers=admin), 404)


@pytest.mark.usefixtures("few_photos", "without_avif")
def test_smaller_copies_go_with_the_photo_they_were_made_of(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = send(client, admin, (picture(size=(400, 300)), "a.jpg"), folder="apart").get_json()["items"]
    renditions.make(ctx)
    for change in ("replace", "delete"):
        shown = client.get(f"{IMAGES}/{item['path']}").get_json()
        (variant,) = shown["variants"]
        assert client.get(variant["url"]).status_code == 200
        if change == "replace":
            replace(client, admin, picture(size=(420, 300)), item["path"])
        else:
            tag = tag_of(client, item["path"])
            client.delete(f"{IMAGES}/{item['path']}", headers={**admin, "If-Match": tag})
        problem(client.get(variant["url"]), 404)
        assert not [stat.key for stat in ctx.variants.list("variants") if shown["sha256"] in stat.key]
        renditions.make(ctx)


@with_sqlite
def test_a_photo_is_not_lost_when_the_database_fails_at_the_last_step(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    tag = tag_of(client, item["path"])
    with write(ctx.database) as tx:
        stop = f"BEFORE DELETE ON {images_table.name} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        tx.execute(text(f"CREATE TRIGGER full {stop}"))
    url = f"{IMAGES}/{item['path']}"
    assert client.delete(url, headers={**admin, "If-Match": tag}).status_code == 500
    with write(ctx.database) as tx:
        tx.execute(text("DROP TRIGGER full"))
    reconcile(ctx)
    problem(client.get(url), 404)
    (gone,) = trashed(client, admin)
    assert client.post(f"{TRASH}/{gone['id']}", headers=admin).get_json()["sha256"] == item["sha256"]


def test_what_was_pushed_and_replaced_can_be_deleted(
    client: FlaskClient, admin: dict[str, str], ctx: Context, site: Path
) -> None:
    put_by_hand(ctx, site)
    if ctx.media is not ctx.site:
        assert transfer.push(ctx).refused == []
    assert replace(client, admin, picture(size=(40, 40)), "apart/own.jpg").status_code == 200
    tag = tag_of(client, "apart/own.jpg")
    assert client.delete(f"{IMAGES}/apart/own.jpg", headers={**admin, "If-Match": tag}).status_code == 204
    reconcile(ctx)
    problem(client.get(f"{IMAGES}/apart/own.jpg"), 404)


def test_a_photo_goes_or_is_shown_and_never_both(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    app = client.application
    for number in range(8):
        create_text(client, admin, f"news/en/day-{number}")
        (item,) = send(client, admin, (picture(size=(30 + number, 20)), f"x{number}.jpg"), folder="apart").get_json()[
            "items"
        ]
        tags = tag_of(client, item["path"]), client.get(f"{ARTICLES}/news/en/day-{number}").headers["ETag"]
        answers = race(2, partial(_delete_or_show, app, admin, item, tags, number))
        assert sorted(answers) in ([200, 409], [204, 422]), answers


def _delete_or_show(
    app: Flask, headers: dict[str, str], item: dict[str, Any], tags: tuple[str, str], number: int, racer: int
) -> int:
    apart = app.test_client()
    if racer == 0:
        return apart.delete(f"{IMAGES}/{item['path']}", headers={**headers, "If-Match": tags[0]}).status_code
    body = {"body": f"{item['markdown']}\n"}
    return patch(apart, headers, f"news/en/day-{number}", tags[1], body).status_code


def test_whoever_writes_a_collection_changes_the_photos_that_it_alone_shows(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    writer = bearer(ctx, "images:write:news", "articles:publish:news")
    (unused,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    assert replace(client, writer, picture(size=(90, 60))).status_code == 200
    said = {"json": {"credit": "The library"}, "content_type": MERGE_PATCH}
    assert client.patch(f"{IMAGES}/{PATH}", **said, headers={**writer, "If-Match": tag_of(client)}).status_code == 200
    before = state_of(ctx)
    problem(replace(client, writer, picture(size=(31, 30)), unused["path"]), 403)
    tag = tag_of(client, unused["path"])
    problem(client.patch(f"{IMAGES}/{unused['path']}", **said, headers={**writer, "If-Match": tag}), 403)
    assert state_of(ctx) == before


def test_a_photo_of_an_article_that_cannot_be_read_stays(
    client: FlaskClient, admin: dict[str, str], ctx: Context, site: Path
) -> None:
    for article in (site / "src/content").rglob("river-bus.md"):
        article.write_text(article.read_text().replace("title:", "title: {", 1))
    reconcile(ctx)
    problem(client.get(f"{ARTICLES}/news/en/river-bus"), 404)
    problem(client.get(f"{IMAGES}/{PATH}"), 404)
    headers = {**admin, "If-Match": client.get(f"{IMAGES}/{PATH}", headers=admin).headers["ETag"]}
    before = state_of(ctx)
    assert problem(client.delete(f"{IMAGES}/{PATH}", headers=headers), 409)["code"] == "in_use"
    assert PATH not in {item["path"] for item in client.get(f"{IMAGES}?unused=true").get_json()["items"]}
    assert state_of(ctx) == before


def test_a_photo_whose_place_is_free_again_is_restored_without_a_condition(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = send(client, admin, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    tag = tag_of(client, item["path"])
    client.delete(f"{IMAGES}/{item['path']}", headers={**admin, "If-Match": tag})
    (gone,) = trashed(client, admin)
    before = state_of(ctx)
    problem(client.post(f"{TRASH}/{gone['id']}", headers={**admin, "If-Match": tag}), 412)
    assert state_of(ctx) == before
    assert client.post(f"{TRASH}/{gone['id']}", headers=admin).status_code == 200
    assert trashed(client, admin) == []
    assert list(ctx.private.list("trash")) == []


def test_of_many_who_restore_or_purge_at_once_one_does_it(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    app = client.application
    for number in range(4):
        (item,) = send(client, admin, (picture(size=(50 + number, 40)), "a.jpg"), folder=f"apart-{number}").get_json()[
            "items"
        ]
        tag = tag_of(client, item["path"])
        client.delete(f"{IMAGES}/{item['path']}", headers={**admin, "If-Match": tag})
        (gone,) = trashed(client, admin)
        answers = race(4, partial(_restore_or_purge, app, admin, gone["id"]))
        is_there = client.get(f"{IMAGES}/{item['path']}").status_code == 200
        assert is_there == (200 in answers), answers
        assert set(answers) <= {200, 204, 404, 409, 412, 428, 503}, answers
        assert trashed(client, admin) == []
        assert list(ctx.private.list("trash")) == []


def _restore_or_purge(app: Flask, headers: dict[str, str], trash_id: str, racer: int) -> int:
    apart = app.test_client()
    ask = apart.post if racer % 2 else apart.delete
    return ask(f"{TRASH}/{trash_id}", headers=headers).status_code
