"""Smaller copies of photos are made soon after they come, once, and shown without being a change."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageCms
from sqlalchemy import func, select

from cms.actions import darkroom, renditions
from cms.context import Context
from cms.database.derived import images
from cms.database.engine import read, write
from tests.api.test_images import picture, send
from tests.conftest import make_client, reconcile, state_of
from tests.receiver import Receiver
from tests.telling import deliver_due, make_hook

pytestmark = pytest.mark.usefixtures("few_photos")

PHOTOS = 4
NAME = "/api/v1/articles/news/en/river-bus"
PATH = "news/river-bus/photo-1.jpg"


@pytest.fixture
def ctx(media_ctx: Context) -> Context:
    return media_ctx


def photo_of(client: FlaskClient, path: str = PATH) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/v1/images/{path}").get_json()
    return found


def sizes(shown: dict[str, Any], kind: str = "webp") -> list[tuple[int, int]]:
    return [(item["width"], item["height"]) for item in shown["variants"] if item["format"] == kind]


def put(site: Path, name: str, image: Image.Image, **options: Any) -> None:
    path = site / "src/assets/own" / name
    path.parent.mkdir(exist_ok=True)
    image.save(path, **options)


def test_a_photo_gets_variants_none_wider_than_itself(ctx: Context, client: FlaskClient) -> None:
    before = photo_of(client)
    assert (before["variants"], before["srcset"], before["placeholder"], before["colour"]) == ([], None, None, None)
    assert renditions.make(ctx) == PHOTOS * 2
    shown = photo_of(client)
    assert (shown["width"], shown["height"]) == (1200, 800)
    assert sizes(shown) == sizes(shown, "avif") == [(320, 213), (640, 427), (960, 640)]
    for kind, name in (("webp", "srcset"), ("avif", "srcset_avif")):
        own = [item for item in shown["variants"] if item["format"] == kind]
        assert shown[name] == ", ".join(f"{item['url']} {item['width']}w" for item in own)
    assert re.fullmatch("#[0-9a-f]{6}", shown["colour"])
    assert shown["placeholder"].startswith("data:image/webp;base64,")
    assert len(shown["placeholder"]) < 600
    for item in shown["variants"]:
        served = client.get(item["url"])
        assert (served.status_code, served.content_type, len(served.data)) == (
            200,
            f"image/{item['format']}",
            item["bytes"],
        )
        assert "immutable" in served.headers["Cache-Control"]
        with Image.open(io.BytesIO(served.data)) as image:
            assert image.size == (item["width"], item["height"])
            assert not image.info.keys() & {"exif", "xmp", "icc_profile"}
    assert client.get(f"/media/variants/{shown['sha256']}/1280.webp").status_code == 404
    assert client.get(f"/media/variants/{shown['sha256']}/facts-2.json").status_code == 404


@pytest.mark.usefixtures("without_avif")
def test_articles_show_them_and_nothing_has_changed(ctx: Context, client: FlaskClient) -> None:
    before, feed = client.get(NAME), client.get("/api/v1/sync")
    cursor = feed.text.splitlines()[-1]
    changes = state_of(ctx)["table:changes"]
    renditions.make(ctx)
    after = client.get(NAME)
    assert after.headers["ETag"] != before.headers["ETag"]
    for member in ("version", "digest", "updated_at"):
        assert after.get_json()[member] == before.get_json()[member]
    item = next(image for image in after.get_json()["images"] if image["field"] is None)
    assert len(item["variants"]) == 3
    size = f'width="{item["width"]}" height="{item["height"]}" loading="lazy"'
    assert f'srcset="{item["srcset"]}" sizes="auto, 100vw" {size}' in after.get_json()["html"]
    assert state_of(ctx)["table:changes"] == changes
    again = client.get("/api/v1/sync", headers={"If-None-Match": feed.headers["ETag"]})
    assert (again.status_code, again.text.splitlines()[-1]) == (200, cursor)


@pytest.mark.usefixtures("without_avif")
def test_the_same_bytes_are_worked_on_once(ctx: Context, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    renditions.make(ctx)
    shown = photo_of(client)
    assert renditions.make(ctx) == 0
    with write(ctx.database) as tx:
        tx.execute(images.update().values(rendition=None, avif=None))
    monkeypatch.setattr(darkroom, "MOST_WAIT_S", -1)
    assert renditions.make(ctx) == PHOTOS
    assert photo_of(client) == shown


@pytest.mark.usefixtures("without_avif")
def test_another_photo_at_the_path_has_other_variants(ctx: Context, client: FlaskClient, site: Path) -> None:
    renditions.make(ctx)
    old = photo_of(client)
    Image.new("RGB", (700, 300), "#c03020").save(site / "src/assets" / PATH, quality=95)
    reconcile(ctx)
    assert photo_of(client)["variants"] == []
    renditions.make(ctx)
    new = photo_of(client)
    assert [width for width, _ in sizes(new)] == [320, 640]
    assert not {item["url"] for item in new["variants"]} & {item["url"] for item in old["variants"]}
    assert all(abs(int(new["colour"][i : i + 2], 16) - wanted) < 12 for i, wanted in ((1, 0xC0), (3, 0x30), (5, 0x20)))


@pytest.mark.usefixtures("without_avif")
def test_sideways_and_other_colours_come_out_as_they_are_seen(ctx: Context, client: FlaskClient, site: Path) -> None:
    upright = Image.new("RGB", (400, 800), "blue")
    upright.paste("red", (0, 0, 400, 400))
    exif = Image.Exif()
    exif[0x0112] = 6
    put(site, "sideways.jpg", upright.transpose(Image.Transpose.ROTATE_90), exif=exif, quality=95)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    put(site, "profile.jpg", Image.new("RGB", (400, 400), "green"), icc_profile=profile)
    put(site, "alpha.png", Image.new("RGBA", (400, 400), (0, 0, 255, 128)))
    put(site, "palette.png", Image.new("RGB", (400, 400), "green").quantize(4))
    put(site, "small.png", Image.new("L", (30, 20), 200))
    put(site, "cmyk.jpg", Image.new("CMYK", (640, 320)))
    (site / "src/assets/own/broken.jpg").write_bytes((site / "src/assets" / PATH).read_bytes()[:2000])
    reconcile(ctx)
    renditions.make(ctx)
    found = {name: photo_of(client, f"own/{name}") for name in ("sideways.jpg", "alpha.png", "small.png", "broken.jpg")}
    assert sizes(found["sideways.jpg"]) == [(320, 640)]
    with Image.open(io.BytesIO(client.get(found["sideways.jpg"]["variants"][0]["url"]).data)) as image:
        top = image.convert("RGB").getpixel((160, 20))
    assert isinstance(top, tuple)
    assert top[0] > 200 > top[2]
    with Image.open(io.BytesIO(client.get(found["alpha.png"]["variants"][0]["url"]).data)) as image:
        assert image.mode == "RGBA"
    assert (found["small.png"]["variants"], bool(found["small.png"]["placeholder"])) == ([], True)
    assert (found["broken.jpg"]["variants"], found["broken.jpg"]["placeholder"]) == ([], None)
    assert renditions.make(ctx) == 0
    for name in ("profile.jpg", "palette.png", "cmyk.jpg"):
        assert photo_of(client, f"own/{name}")["variants"], name


def test_it_stops_when_told_and_goes_on_later(ctx: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def after_three() -> bool:
        with read(ctx.database) as tx:
            return tx.execute(select(func.count(images.c.rendition))).scalar_one() >= 3

    assert renditions.make(ctx, after_three) == 3
    with read(ctx.database) as tx:
        assert tx.execute(select(func.count(images.c.avif))).scalar() == 0, "WebP comes first"
    monkeypatch.delitem(renditions.NAMES, "avif")
    assert renditions.make(ctx) == PHOTOS - 3


@pytest.mark.usefixtures("without_avif")
def test_a_webhook_waits_for_them_and_not_for_ever(
    ctx: Context, client: FlaskClient, admin: dict[str, str], receiver: Receiver
) -> None:
    ctx = dataclasses.replace(ctx, settings=dataclasses.replace(ctx.settings, webhooks_allow_private=True))
    for max_wait_s in (600, 0):
        make_hook(make_client(ctx), admin, receiver.url, max_wait_s=max_wait_s)
    send(client, admin, (picture(size=(400, 300)), "a.jpg"), folder="apart")
    assert deliver_due(ctx) == 1
    renditions.make(ctx)
    assert deliver_due(ctx) == 1
    assert [json.loads(body)["ids"] for _, body in receiver.messages] == [["apart/a.jpg"]] * 2
