"""Variants that an earlier version made are made again where they do not look like the photo, under other addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions import renditions
from cms.context import Context
from cms.database.derived import images
from cms.database.engine import write
from cms.store.base import ABSENT, Key
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import close, make_context, make_settings
from tests.photos.test_looks import CASES, HIDDEN, colours

OLD = {"placeholder": "data:image/webp;base64,", "colour": "#00ff00", "variants": [[320, 8, 3]]}


@pytest.fixture
def ctx(light_site: Path) -> Iterator[Context]:
    made = make_context(make_settings(light_site, f"sqlite:///{light_site}/.cms/cms.db"))
    yield made
    close(made)


def made_before(ctx: Context, sha256: str) -> None:
    """Put variants of the photo there as an earlier version did."""
    data = {"320.webp": b"old", "320.avif": b"old", "facts.json": json.dumps(OLD).encode()}
    data["avif.json"] = json.dumps(OLD["variants"]).encode()
    for name, content in data.items():
        ctx.variants.write(Key(f"variants/{sha256}/{name}"), content, expect=ABSENT)


def shown(client: FlaskClient, path: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{IMAGES}/{path}").get_json()
    return found


def test_only_what_looks_otherwise_is_made_again_and_no_address_changes_its_bytes(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    keyed, *_ = CASES["f04 keyed colour"]
    files = ((keyed, "keyed.png"), (picture(size=(320, 8), orientation=2), "plain.jpg"))
    again, kept = send(client, admin, *files, folder="new").get_json()["items"]
    for item in (again, kept):
        made_before(ctx, item["sha256"])
    renditions.make(ctx)

    old = f"/media/variants/{again['sha256']}/320"
    variants = shown(client, again["path"])["variants"]
    assert [variant["url"] for variant in variants] == [f"{old}-2.webp", f"{old}-2.avif"]
    for variant in variants:
        answer = client.get(variant["url"])
        assert (answer.content_type, len(answer.data)) == (f"image/{variant['format']}", variant["bytes"])
        assert colours(answer.data)[1][3] == HIDDEN[3]
    assert {client.get(f"{old}.{kind}").data for kind in ("webp", "avif")} == {b"old"}

    known = shown(client, kept["path"])
    assert (known["colour"], len(known["variants"])) == (OLD["colour"], 2)
    assert {client.get(variant["url"]).data for variant in known["variants"]} == {b"old"}
    names = (f"variants/{kept['sha256']}/{name}" for name in renditions.NAMES.values())
    now = [json.loads(ctx.variants.read(Key(name)) or b"") for name in names]
    assert now == [OLD, OLD["variants"]], "the photo need not be read for this again"

    before = [shown(client, item["path"]) for item in (again, kept)]
    with write(ctx.database) as tx:
        tx.execute(images.update().values(rendition=None, avif=None))
    renditions.make(ctx)
    assert [shown(client, item["path"]) for item in (again, kept)] == before
