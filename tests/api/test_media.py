"""Photos and variants as browsers get them: from a bucket itself, or from this service."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.actions import renditions
from cms.context import Context
from cms.store.s3_client import connect
from tests.api.test_images import picture, send


@pytest.fixture
def ctx(media_ctx: Context) -> Context:
    return media_ctx


@pytest.mark.usefixtures("few_photos", "without_avif")
@pytest.mark.parametrize("media_ctx", ["s3"], indirect=True)
def test_a_bucket_tells_browsers_what_they_may_keep(
    client: FlaskClient, admin: dict[str, str], ctx: Context, tmp_path: Path
) -> None:
    (item,) = send(client, admin, (picture(size=(400, 300)), "a.jpg"), folder="new").get_json()["items"]
    renditions.make(ctx)
    told = {}
    for stat in (*ctx.media.list("src/assets/new"), *ctx.variants.list(f"variants/{item['sha256']}")):
        head = connect().head_object(Bucket="photos", Key=f"{tmp_path.name}/{stat.key}")
        told[stat.key.rpartition("/")[2]] = head["ContentType"], head["CacheControl"]
    forever = "public, max-age=31536000, immutable"
    assert told == {
        "a.jpg": ("image/jpeg", "no-cache"),
        "320.webp": ("image/webp", forever),
        "facts-2.json": ("application/json", forever),
    }
