"""Photos made to hurt are refused, or cost nothing: the catalogue's IB-26 to IB-37, as far as uploads go."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pillow_heif
import pytest
from flask.testing import FlaskClient
from PIL import Image

from cms.actions import darkroom
from cms.context import Context
from tests.api.editing import problem
from tests.api.test_images import PLANTED, picture, send
from tests.conftest import state_of


def png(width: int, height: int, *chunks: tuple[bytes, bytes], rows: bytes | None = None) -> bytes:
    """A one-bit PNG, its rows all of one colour."""
    line = b"\0" * (1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    data = packer.compress(rows) if rows is not None else b"".join(packer.compress(line) for _ in range(height))
    data += packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")]
    made = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def saved(kind: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def archive() -> bytes:
    """The end of an empty ZIP archive."""
    return b"PK\x05\x06" + b"\0" * 18


BOMBS: list[tuple[str, bytes, int, str]] = [
    ("IB-26 PNG, 50,000 squared", png(50_000, 50_000, rows=b"\0" * 100), 422, "photo_too_many_pixels"),
    ("IB-27 PNG, 13,000 squared in 20 KB", png(13_000, 13_000), 422, "photo_too_many_pixels"),
    ("IB-28 WebP", saved("WEBP", (16_383, 4000), lossless=True), 422, "photo_too_many_pixels"),
    (
        "IB-31 a text of 100 MB",
        png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(b"x" * 100_000_000))),
        422,
        "photo_damaged",
    ),
    ("IB-32 half a JPEG", picture(size=(300, 300))[:-900], 422, "photo_damaged"),
    ("IB-33 JPEG and archive", picture() + archive(), 415, "photo_type"),
    ("IB-33 JPEG and PDF", picture().replace(PLANTED, b"%PDF-1.7\n".ljust(len(PLANTED)), 1), 415, "photo_type"),
    ("IB-36 no pixels", png(0, 0), 415, "photo_type"),
    ("IB-36 TIFF", saved("TIFF", (8, 8)), 415, "photo_type"),
    ("IB-36 icon", saved("ICO", (16, 16)), 415, "photo_type"),
    ("IB-36 JPEG 2000", saved("JPEG2000", (16, 16)), 415, "photo_type"),
    ("IB-37 SVG", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415, "photo_type"),
]


@pytest.mark.parametrize(("data", "status", "code"), [bomb[1:] for bomb in BOMBS], ids=[bomb[0] for bomb in BOMBS])
def test_a_bomb_is_refused_and_nothing_is_kept(
    client: FlaskClient, admin: dict[str, str], ctx: Context, data: bytes, status: int, code: str
) -> None:
    before = state_of(ctx)
    found = problem(send(client, admin, (picture(), "good.jpg"), (data, "bomb.jpg"), folder="new"), status)
    assert [(item["pointer"], item["code"]) for item in found["errors"]] == [("/files/1", code)]
    assert state_of(ctx) == before


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (saved("AVIF", (8000, 8000), quality=10, speed=10), (8000, 8000)),
        (saved("PNG", (1, 40_000), "1"), (1, 40_000)),
        (saved("JPEG", (40, 30), "CMYK"), (40, 30)),
        (saved("PNG", (40, 30), "I;16"), (40, 30)),
        (saved("PNG", (40, 30), "P", transparency=0), (40, 30)),
        (picture() + b"<script>alert(1)</script>", (60, 40)),
    ],
    ids=["IB-29 exactly 64 megapixels", "one wide", "CMYK", "16 bits", "palette", "IB-33 JPEG with a tail"],
)
def test_what_only_looks_odd_is_stored_plain(
    client: FlaskClient, admin: dict[str, str], data: bytes, size: tuple[int, int]
) -> None:
    response = send(client, admin, (data, "a.jpg"), folder="new")
    assert response.status_code == 201, response.text
    (item,) = response.get_json()["items"]
    assert (item["width"], item["height"]) == size
    stored = client.get(item["url"]).data
    assert len(stored) == item["bytes"]
    assert b"<script>" not in stored


def test_a_photo_from_an_iphone_is_stored_as_jpeg(client: FlaskClient, admin: dict[str, str]) -> None:
    image = Image.new("RGB", (80, 60), "red")
    exif = image.getexif()
    exif[0x010E] = PLANTED.decode()
    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, exif=exif.tobytes(), quality=90)
    assert PLANTED in out.getvalue()
    (item,) = send(client, admin, (out.getvalue(), "IMG_0001.HEIC"), folder="new").get_json()["items"]
    assert (item["path"], item["format"], item["width"], item["height"]) == ("new/img_0001.jpg", "jpeg", 80, 60)
    assert PLANTED not in client.get(item["url"]).data


@pytest.mark.parametrize(("limit", "value"), [("MOST_SECONDS", 0), ("MOST_MEMORY", 150 * 1024 * 1024)])
def test_a_photo_that_costs_too_much_is_refused_and_the_next_is_not(
    client: FlaskClient,
    admin: dict[str, str],
    ctx: Context,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
) -> None:
    big = saved("WEBP", (7000, 7000))
    before = state_of(ctx)
    with monkeypatch.context() as patched:
        patched.setattr(darkroom, limit, value)
        found = problem(send(client, admin, (big, "big.webp"), folder="new"), 422)
        assert found["code"] in ("photo_costly", "photo_damaged")
    assert state_of(ctx) == before
    assert send(client, admin, (picture(), "a.jpg"), folder="new").status_code == 201


def test_a_photo_that_a_busy_machine_cannot_read_in_time_is_asked_for_again(
    client: FlaskClient, admin: dict[str, str], ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state_of(ctx)
    with monkeypatch.context() as patched:
        patched.setattr(darkroom, "MOST_WAIT_S", 0)
        response = send(client, admin, (picture(), "a.jpg"), folder="new")
        assert problem(response, 503)["code"] == "photo_waits"
        assert response.headers["Retry-After"] == "60"
    assert state_of(ctx) == before
    assert send(client, admin, (picture(), "a.jpg"), folder="new").status_code == 201
