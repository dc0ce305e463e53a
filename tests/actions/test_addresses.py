"""Every address of a photo or variant that the API tells leads to its bytes, wherever they lie."""

from __future__ import annotations

import hashlib
import io
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cms.actions import renditions, transfer
from cms.context import Context
from tests.api.test_images import picture
from tests.browser import serving
from tests.conftest import bearer, both_databases, close, make_client, make_context, make_settings, reconcile

pytestmark = pytest.mark.usefixtures("without_avif")


@pytest.fixture
def ctx(site: Path, database_url: str, tmp_path: Path) -> Iterator[Context]:
    """The sample site, its new photos going to a folder that a web server gives out."""
    media = tmp_path / "media"
    media.mkdir()
    with serving(media) as url:
        made = make_context(make_settings(site, database_url, media=media.as_uri(), media_url=url))
        yield made
        close(made)


def fetched(ctx: Context, url: str) -> bytes:
    if url.startswith("/"):
        answer = make_client(ctx).get(url)
        assert answer.status_code == 200, url
        return bytes(answer.data)
    with urllib.request.urlopen(url, timeout=60) as stream:  # noqa: S310  # our own server
        return bytes(stream.read())


def addresses(ctx: Context) -> dict[str, set[str]]:
    """What images, articles and their pages tell of, by digest of the photo, as far as it has one."""
    client = make_client(ctx)
    found: dict[str, set[str]] = {}
    shown: list[dict[str, Any]] = client.get("/api/v1/images?limit=100").get_json()["items"]
    for item in client.get("/api/v1/articles?fields=images&limit=100").get_json()["items"]:
        shown += [image for image in item["images"] if not image["missing"]]
    for image in shown:
        assert image["variants"], image["path"]
        found.setdefault(image["sha256"], set()).add(image["url"])
        for variant in image["variants"]:
            assert len(fetched(ctx, variant["url"])) == variant["bytes"]
    return found


@both_databases
@pytest.mark.usefixtures("few_photos")
def test_photos_are_fetched_from_where_they_lie(ctx: Context) -> None:
    renditions.make(ctx)
    for urls in addresses(ctx).values():
        assert all(url.startswith("/media/") for url in urls)
    transfer.push(ctx)
    found = addresses(ctx)
    for digest, urls in found.items():
        assert all(url.startswith(ctx.settings.media_base + "/src/assets/") for url in urls)
        assert {digest} == {hashlib.sha256(fetched(ctx, url)).hexdigest() for url in urls}


def test_an_upload_is_fetched_from_the_media_folder_at_once(ctx: Context) -> None:
    headers = bearer(ctx, "images:write", "articles:publish")
    form = {"files": (io.BytesIO(picture()), "a.jpg"), "folder": "news"}
    (item,) = make_client(ctx).post("/api/v1/images", data=form, headers=headers).get_json()["items"]
    assert item["url"].startswith(ctx.settings.media_base)
    assert len(fetched(ctx, item["url"])) == item["bytes"]
    reconcile(ctx)
    assert make_client(ctx).get(f"/api/v1/images/{item['path']}").get_json()["url"] == item["url"]


def test_what_is_private_is_not_below_the_public_folder(ctx: Context, tmp_path: Path) -> None:
    headers = bearer(ctx, "images:write", "articles:publish")
    client = make_client(ctx)
    form = {"files": (io.BytesIO(picture()), "a.jpg"), "folder": "news"}
    (item,) = client.post("/api/v1/images", data=form, headers=headers).get_json()["items"]
    tag = client.get(f"/api/v1/images/{item['path']}").headers["ETag"]
    assert client.delete(f"/api/v1/images/{item['path']}", headers={**headers, "If-Match": tag}).status_code == 204
    assert len(client.get("/api/v1/trash", headers=headers).get_json()["items"]) == 1
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []
