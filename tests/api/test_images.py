"""Photos through the API: sent in, listed, served, removed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from PIL.ExifTags import GPS, Base
from werkzeug.test import TestResponse

from cms.context import Context
from cms.model.limits import Limits
from cms.store.base import ABSENT, Key
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import bearer, close, make_client, make_context, make_settings, reconcile, site_of, state_of

IMAGES = "/api/v1/images"
ARTICLE = "news/en/a-day"
PLANTED = b"planted-secret-comment"


@pytest.fixture
def ctx(media_ctx: Context) -> Context:
    return media_ctx


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    """A photo whose upper left is red, its EXIF data telling where it was taken."""
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0] // 2, size[1] // 2))
    exif = image.getexif()
    exif[Base.Orientation] = options.pop("orientation", 1)
    exif[Base.ImageDescription] = PLANTED.decode()
    for name, tag in (("artist", Base.Artist), ("copyright", Base.Copyright)):
        if name in options:
            exif[tag] = options.pop(name)
    exif.get_ifd(Base.GPSInfo)[GPS.GPSLatitude] = (11.0, 34.0, 8.0)
    out = io.BytesIO()
    if kind == "JPEG":
        options |= {"comment": PLANTED, "xmp": b"<x>" + PLANTED + b"</x>"}
    image.save(out, kind, exif=exif, **options)
    return out.getvalue()


def send(client: FlaskClient, headers: dict[str, str], *files: tuple[bytes, str], **form: str) -> TestResponse:
    data: dict[str, Any] = {"files": [(io.BytesIO(content), name) for content, name in files], **form}
    return client.post(IMAGES, data=data, headers=headers, content_type="multipart/form-data")


def write_by_hand(ctx: Context, client: FlaskClient, text: str = TEXT) -> str:
    """Put the article's file where it belongs, showing a photo that is not there; returns its tag."""
    path = site_of(ctx) / f"src/content/{ARTICLE}.md"
    path.write_text(text.replace("news/river-bus/", "news/day/"))
    reconcile(ctx)
    return client.get(f"{ARTICLES}/{ARTICLE}", headers=bearer(ctx, "admin")).headers["ETag"]


def test_several_photos_of_an_article_are_stored_and_served(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    write_by_hand(ctx, client)
    files = [(picture(), "IMG 1.JPG"), (picture("PNG"), "ថ្ងៃ បើក.png"), (picture("WEBP"), "c.webp")]
    response = send(client, admin, *files, article=ARTICLE)
    assert response.status_code == 201, response.text
    items = response.get_json()["items"]
    assert [item["path"] for item in items] == ["news/day/img-1.jpg", "news/day/ថ្ងៃ-បើក.png", "news/day/c.webp"]
    assert [item["ref"] for item in items] == [f"@/assets/{item['path']}" for item in items]
    for item in items:
        assert (item["width"], item["height"]) == (60, 40)
        served = client.get(item["url"], headers=admin)
        assert served.status_code == 200
        assert served.content_type == f"image/{item['format']}"
        assert len(served.data) == item["bytes"]
        assert Image.open(io.BytesIO(served.data)).size == (60, 40)
        assert client.get(f"{IMAGES}/{item['path']}", headers=admin).get_json()["sha256"] == item["sha256"]
        again = client.get(item["url"], headers={**admin, "If-None-Match": served.headers["ETag"]})
        assert again.status_code == 304
        part = client.get(item["url"], headers={**admin, "Range": "bytes=2-5"})
        assert (part.status_code, part.data) == (206, served.data[2:6])


def test_a_pasted_photo_is_shown_by_the_article(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    item = send(client, admin, (picture(), "new photo.jpg"), article=ARTICLE).get_json()["items"][0]
    article = patch(client, admin, ARTICLE, etag, {"body": f"Look:\n\n{item['markdown']}\n"}).get_json()
    shown = next(image for image in article["images"] if image["field"] is None)
    assert {name: shown[name] for name in ("path", "sha256", "width", "missing")} == {
        "path": item["path"],
        "sha256": item["sha256"],
        "width": 60,
        "missing": False,
    }
    assert f'<img src="{item["url"]}"' in article["html"]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_nothing_private_is_stored_and_the_photo_stands_upright(
    client: FlaskClient, admin: dict[str, str], ctx: Context, kind: str
) -> None:
    """IB-34, IB-35; browsers do not turn WebP."""
    sideways = picture(kind, orientation=6)
    assert PLANTED in sideways
    item = send(client, admin, (sideways, f"a.{kind.lower()}"), folder="new").get_json()["items"][0]
    stored = ctx.media.read(Key(f"src/assets/{item['path']}")) or b""
    assert PLANTED not in stored
    with Image.open(io.BytesIO(stored)) as image:
        assert not dict(image.getexif())
        is_turned = kind != "WEBP"
        assert image.size == ((40, 60) if is_turned else (60, 40)) == (item["width"], item["height"])
        red = image.convert("RGB").getpixel((38, 2) if is_turned else (2, 2))
        assert isinstance(red, tuple)
        assert red[0] > 200
        assert red[2] < 60


def test_the_same_photo_sent_again_is_the_same_photo(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    first = send(client, admin, (picture(), "a.jpg"), folder="new").get_json()
    reconcile(ctx)
    before = state_of(ctx)
    again = send(client, admin, (picture(), "a.jpg"), folder="new")
    reconcile(ctx)
    assert again.get_json() == first
    assert state_of(ctx) == before
    other = send(client, admin, (picture(size=(61, 40)), "a.jpg"), folder="new").get_json()["items"][0]
    assert other["path"] == "new/a-2.jpg"


def test_photos_are_listed_by_folder(client: FlaskClient, admin: dict[str, str]) -> None:
    send(client, admin, (picture(), "a.jpg"), (picture("PNG"), "b.png"), folder="some/where")
    first = client.get(f"{IMAGES}?folder=some&limit=1").get_json()
    assert [item["path"] for item in first["items"]] == ["some/where/a.jpg"]
    second = client.get(f"{IMAGES}?folder=some&limit=1&cursor={first['next_cursor']}").get_json()
    assert [item["path"] for item in second["items"]] == ["some/where/b.png"]
    assert second["next_cursor"] is None
    assert client.get(f"{IMAGES}?folder=som").get_json()["items"] == []


def test_a_photo_tells_which_articles_show_it(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    write_by_hand(ctx, client, TEXT.replace("tags:", "draft: true\ntags:"))
    (item,) = send(client, admin, (picture(), "photo-1.jpg"), article=ARTICLE).get_json()["items"]
    url = f"{IMAGES}/{item['path']}"
    assert client.get(url, headers=admin).get_json()["used_by"] == [ARTICLE]
    problem(client.get(url), 404)
    (unused,) = send(client, admin, (picture(), "x.jpg"), folder="apart").get_json()["items"]
    found = client.get(f"{IMAGES}?unused=true&limit=100").get_json()["items"]
    assert [image["path"] for image in found] == [unused["path"]]


def test_a_photo_that_is_shown_stays_and_one_that_is_not_goes(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    """AC-46."""
    etag = write_by_hand(ctx, client)
    item = send(client, admin, (picture(), "photo-1.jpg"), article=ARTICLE).get_json()["items"][0]
    assert item["path"] == "news/day/photo-1.jpg"
    tag = client.get(f"{IMAGES}/{item['path']}").headers["ETag"]
    problem(client.delete(f"{IMAGES}/{item['path']}", headers=admin), 428)
    problem(client.delete(f"{IMAGES}/{item['path']}", headers={**admin, "If-Match": '"x"'}), 412)
    found = problem(client.delete(f"{IMAGES}/{item['path']}", headers={**admin, "If-Match": tag}), 409, "in_use")
    assert found["used_by"] == [ARTICLE]
    assert client.get(item["url"]).status_code == 200
    patch(client, admin, ARTICLE, etag, {"data": {"image": None}, "body": "No photos.\n"})
    assert client.delete(f"{IMAGES}/{item['path']}", headers={**admin, "If-Match": tag}).status_code == 204
    problem(client.get(item["url"]), 404)
    problem(client.get(f"{IMAGES}/{item['path']}"), 404)
    assert ctx.media.read(Key(f"src/assets/{item['path']}")) is None


def test_a_photo_put_straight_into_the_store_is_found_and_missed(client: FlaskClient, ctx: Context) -> None:
    key, data = Key("src/assets/by/hand.jpg"), picture()
    version = ctx.media.write(key, data, expect=ABSENT)
    reconcile(ctx)
    assert client.get(f"{IMAGES}/by/hand.jpg").get_json()["sha256"] == version
    assert client.get("/media/by/hand.jpg").data == data
    ctx.media.delete(key, expect=version)
    reconcile(ctx)
    problem(client.get(f"{IMAGES}/by/hand.jpg"), 404)


def test_a_missing_photo_is_found_when_it_comes(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    write_by_hand(ctx, client)
    before = client.get(f"{ARTICLES}/{ARTICLE}")
    assert before.get_json()["images"][0]["missing"]
    send(client, admin, (picture(), "photo-1.jpg"), article=ARTICLE)
    after = client.get(f"{ARTICLES}/{ARTICLE}")
    assert not after.get_json()["images"][0]["missing"]
    assert after.headers["ETag"] != before.headers["ETag"]
    assert after.get_json()["version"] == before.get_json()["version"]
    assert after.get_json()["digest"] != before.get_json()["digest"]


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    return out.getvalue()


def gif() -> bytes:
    out = io.BytesIO()
    Image.new("P", (5, 5)).save(out, "GIF")
    return out.getvalue()


BAD_FILES: list[tuple[str, bytes, int]] = [
    ("empty", b"", 415),
    ("text", b"hello", 415),
    ("html", b"<html><script>alert(1)</script>", 415),
    ("svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", 415),
    ("pdf", b"%PDF-1.7\n", 415),
    ("gif", gif(), 415),
    ("animation", animated(), 415),
    ("truncated jpeg", picture(size=(300, 300))[:-400], 422),
    ("truncated png", picture("PNG", (300, 300))[:-100], 422),
    ("too many bytes", picture() + b"\0" * 30_000, 413),
]


@pytest.mark.parametrize(("name", "content", "status"), BAD_FILES, ids=[name for name, *_ in BAD_FILES])
def test_a_file_that_is_no_photo_is_refused_and_no_other_is_kept(
    site: Path, tmp_path: Path, name: str, content: bytes, status: int
) -> None:
    """AC-28, IB-30, IB-37."""
    settings = make_settings(site, f"sqlite:///{tmp_path}/cms.db", limits=Limits(photo_bytes=30_000))
    ctx = make_context(settings)
    client, headers = make_client(ctx), bearer(ctx, "admin")
    before = state_of(ctx)
    response = send(client, headers, (picture(), "good.jpg"), (content, "bad.jpg"), folder="new")
    found = problem(response, status)
    assert found["errors"][0]["pointer"] == "/files/1"
    assert "bad.jpg" in found["detail"]
    assert state_of(ctx) == before
    close(ctx)


def test_pixels_are_counted_before_they_are_decoded(site: Path, tmp_path: Path) -> None:
    settings = make_settings(site, f"sqlite:///{tmp_path}/cms.db", limits=Limits(photo_pixels=60 * 40))
    ctx = make_context(settings)
    client, headers = make_client(ctx), bearer(ctx, "admin")
    assert send(client, headers, (picture(), "exact.jpg"), folder="new").status_code == 201
    before = state_of(ctx)
    found = problem(send(client, headers, (picture(size=(61, 40)), "more.jpg"), folder="new"), 422)
    assert "61 x 40" in found["detail"]
    assert state_of(ctx) == before
    close(ctx)


@pytest.mark.parametrize(
    "form",
    [
        {}, {"folder": "a", "article": ARTICLE}, {"folder": "../up"}, {"folder": "/"}, {"folder": "a//b"},
        {"folder": ".git"}, {"folder": "a\0b"}, {"folder": "_x"}, {"article": "news/en/none"}, {"article": "x"},
        {"folder": "ok", "other": "1"},
    ],
)  # fmt: skip
def test_photos_need_a_place_to_go(
    client: FlaskClient, admin: dict[str, str], ctx: Context, form: dict[str, str]
) -> None:
    create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    problem(send(client, admin, (picture(), "a.jpg"), **form), 422)
    problem(send(client, admin, folder="new"), 422)
    assert state_of(ctx) == before


def test_photos_of_one_collection_are_for_those_who_may_write_them(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    create_text(client, admin)
    narrow, other = bearer(ctx, "images:write:news"), bearer(ctx, "images:write:places")
    reconcile(ctx)
    before = state_of(ctx)
    problem(send(client, other, (picture(), "a.jpg"), article=ARTICLE), 403)
    problem(send(client, narrow, (picture(), "a.jpg"), folder="news"), 403)
    assert state_of(ctx) == before
    assert send(client, narrow, (picture(), "a.jpg"), article=ARTICLE).status_code == 201


def test_too_many_photos_at_once_are_refused(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    before = state_of(ctx)
    problem(send(client, admin, *[(picture(), f"{n}.jpg") for n in range(21)], folder="new"), 413)
    assert state_of(ctx) == before


def test_a_photo_of_a_draft_is_stored_for_those_who_may_see_the_draft(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    write_by_hand(ctx, client, TEXT.replace("tags:", "draft: true\ntags:"))
    blind = bearer(ctx, "images:write")
    reconcile(ctx)
    before = state_of(ctx)
    problem(send(client, blind, (picture(), "a.jpg"), article=ARTICLE), 422)
    assert state_of(ctx) == before
    stored = send(client, admin, (picture(), "a.jpg"), article=ARTICLE)
    assert json.loads(stored.text)["items"][0]["path"] == "news/day/a.jpg"
