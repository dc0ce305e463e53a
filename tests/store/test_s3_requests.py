"""How often a bucket is asked, and for how much: a look costs no download."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.store import open_store
from cms.store.base import ABSENT, Key
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import bearer, close, make_client, make_context, make_settings
from tests.faulty import Proxy, faulty

KEY = Key("src/assets/photo.jpg")


@pytest.fixture
def proxy(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with faulty(s3_url) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", made.url)
        yield made


@pytest.fixture
def ctx(proxy: Proxy, site: Path, database_url: str, tmp_path: Path) -> Iterator[Context]:
    made = make_context(make_settings(site, database_url, media=f"s3://photos/{tmp_path.name}"))
    yield made
    close(made)


@pytest.fixture
def client(ctx: Context) -> FlaskClient:
    return make_client(ctx)


def test_writes_and_deletions_fetch_nothing(proxy: Proxy, tmp_path: Path) -> None:
    store = open_store(f"s3://photos/{tmp_path.name}")
    first = store.write(KEY, os.urandom(100_000), expect=ABSENT)
    second = store.write(KEY, os.urandom(100_000), expect=first)
    store.delete(KEY, expect=second)
    assert proxy.asked == ["HEAD", "PUT", "HEAD", "PUT", "HEAD", "DELETE"]


def test_who_wants_a_part_or_nothing_makes_nobody_fetch_the_whole(
    proxy: Proxy, client: FlaskClient, ctx: Context
) -> None:
    """IB-43."""
    (item,) = send(client, bearer(ctx, "admin"), (picture(size=(300, 200)), "a.jpg"), folder="new").get_json()["items"]
    whole = client.get(item["url"])
    proxy.asked.clear()
    part = client.get(item["url"], headers={"Range": "bytes=2-5"})
    assert (part.status_code, part.data) == (206, whole.data[2:6])
    assert proxy.asked == ["HEAD", "GET"]
    assert client.head(item["url"]).content_length == len(whole.data)
    assert client.get(item["url"], headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert client.get(item["url"], headers={"Range": "bytes=900000-"}).status_code == 416
    assert proxy.asked == ["HEAD", "GET", "HEAD", "HEAD", "HEAD"]


def test_a_deleted_photo_is_fetched_once_for_the_trash(proxy: Proxy, client: FlaskClient, ctx: Context) -> None:
    headers = bearer(ctx, "admin")
    (item,) = send(client, headers, (picture(), "a.jpg"), folder="new").get_json()["items"]
    etag = client.get(f"{IMAGES}/{item['path']}").headers["ETag"]
    proxy.asked.clear()
    assert client.delete(f"{IMAGES}/{item['path']}", headers={**headers, "If-Match": etag}).status_code == 204
    # One for the trash, one to list its variants; and what asks now and then who can read the bucket.
    assert proxy.asked.count("GET") <= 3, proxy.asked
