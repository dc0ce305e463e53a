"""What a photo tells beside its picture is stored nowhere that anybody could read: every stored byte is looked at."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
import urllib3
from flask.testing import FlaskClient
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cms.actions import renditions
from cms.context import Context
from tests.api.test_images import IMAGES, PLANTED, picture, send
from tests.api.test_replace_images import replace
from tests.api.test_uploads import announce, complete, file, put
from tests.components import s3_environment, s3_server
from tests.conftest import bearer, close, make_client, make_context, make_settings

# The latitude that `picture` plants, as EXIF and as XMP would hold it.
PLACE = (b"GPSLatitude", (11).to_bytes(4, "big") + (1).to_bytes(4, "big") + (34).to_bytes(4, "big"))
SECRETS = (PLANTED, *PLACE, PLACE[1][::-1], b"Sok Dara")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r exif:GPSLatitude="11,34N"/></x:xmpmeta>'


def sent_by_phones() -> dict[str, bytes]:
    """A photo of each kind, with all that it can tell."""
    photos = {kind: picture(kind, size=(700, 500), artist="Sok Dara") for kind in ("JPEG", "PNG", "WEBP", "AVIF")}
    photos["JPEG with XMP"] = picture(size=(701, 500), xmp=XMP)
    photos["PNG with XMP"] = _png_with_xmp()
    heic = io.BytesIO()
    image = Image.new("RGB", (702, 500), "green")
    exif = image.getexif()
    exif[0x010E] = PLANTED.decode()
    pillow_heif.from_pillow(image).save(heic, exif=exif.tobytes())
    return {**photos, "HEIC": heic.getvalue()}


def _png_with_xmp() -> bytes:
    out = io.BytesIO()
    told = PngInfo()
    told.add_itxt("XML:com.adobe.xmp", XMP.decode())
    Image.new("RGB", (703, 500), "red").save(out, "PNG", pnginfo=told)
    return out.getvalue()


@pytest.fixture
def places(tmp_path: Path, light_site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Context, Path]]:
    """A site whose photos go into a bucket, and the folder that the bucket's server keeps all its bytes in."""
    folder = tmp_path / "s3" / "buckets"
    (folder / "photos").mkdir(parents=True)
    with s3_server(folder) as url:
        for name, value in s3_environment(url).items():
            monkeypatch.setenv(name, value)
        ctx = make_context(make_settings(light_site, f"sqlite:///{light_site}/.cms/cms.db", media="s3://photos/site"))
        yield ctx, folder
        close(ctx)


def found_in(folder: Path) -> dict[str, bytes]:
    """The files below the folder that hold a secret."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert files
    return {name: secret for name, data in files.items() for secret in SECRETS if secret in data}


def test_no_stored_byte_tells_what_a_phone_knew(places: tuple[Context, Path], light_site: Path) -> None:
    """IB-34."""
    ctx, bucket = places
    client, headers = make_client(ctx), bearer(ctx, "admin")
    photos = sent_by_phones()
    for name, data in photos.items():
        assert any(secret in data for secret in SECRETS), name
    everything = [(data, f"{number}.jpg") for number, data in enumerate(photos.values())]
    assert send(client, headers, *everything, article="news/en/river-bus").status_code == 201
    _by_the_bucket(client, headers, photos["JPEG"], ctx)
    assert replace(client, headers, picture(size=(710, 500), artist="Sok Dara")).status_code == 200
    refused = send(client, headers, (picture(), "good.jpg"), (picture()[:-30], "bad.jpg"), folder="apart")
    assert refused.status_code == 422
    renditions.make(ctx)
    for item in client.get(f"{IMAGES}?limit=100").get_json()["items"]:
        for url in (item["url"], *(variant["url"] for variant in item["variants"])):
            assert not any(secret in client.get(url).data for secret in SECRETS), url
    assert found_in(bucket) == {}
    assert found_in(light_site / ".cms") == {}


def _by_the_bucket(client: FlaskClient, headers: dict[str, str], data: bytes, ctx: Context) -> None:
    (item,) = announce(client, headers, file(data), folder="direct").get_json()["items"]
    assert put(item, data) == 200
    with urllib3.PoolManager(retries=False) as http:
        assert http.request("GET", item["url"].partition("?")[0]).status in (400, 403), "nobody else reads it"
    assert complete(client, headers, item).status_code == 201
    assert list(ctx.private.list("uploads")) == []


@pytest.mark.parametrize("keeps", [True, False])
def test_originals_are_kept_for_the_operator_alone_if_at_all(site: Path, tmp_path: Path, keeps: bool) -> None:
    """IB-34."""
    settings = make_settings(site, f"sqlite:///{tmp_path}/cms.db", keep_originals=keeps)
    ctx = make_context(settings)
    client, headers = make_client(ctx), bearer(ctx, "admin")
    (item,) = send(client, headers, (picture(), "a.jpg"), folder="apart").get_json()["items"]
    send(client, headers, (picture(), "a.jpg"), folder="apart")
    replace(client, headers, picture(size=(50, 40)), item["path"])
    kept = {stat.key: ctx.private.read(stat.key) for stat in ctx.private.list("originals")}
    assert sorted(kept.values()) == (sorted([picture(), picture(size=(50, 40))]) if keeps else [])  # type: ignore[type-var]
    for key in kept:
        assert key.startswith(f"originals/{item['path']}/")
        for url in (f"/media/{key}", f"/media/private/{key}", f"/media/variants/{key}", f"/media/.cms/private/{key}"):
            assert client.get(url, headers=headers).status_code == 404
    close(ctx)
