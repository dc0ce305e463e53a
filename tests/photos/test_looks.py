"""F3 to F7: stored photos and variants have the colours and the transparency of what was sent.

The expected pixels are sharp's, but for grey of 16 bits with a profile, which sharp ignores: they are Chromium's.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from flask.testing import FlaskClient
from PIL import Image

from cms.actions import renditions
from cms.context import Context
from cms.model import photo
from cms.model.limits import Limits
from cms.model.photo_variants import render
from tests.api.test_images import IMAGES, send
from tests.conftest import close, make_context, make_settings
from tests.photos.made_png import COLOUR, GREY, GREY_ALPHA, PALETTE, png, profile_chunk, samples
from tests.photos.profiles import BROKEN, LINEAR_GREY, P3, SRGB, SWAPPED

pytestmark = pytest.mark.usefixtures("without_avif")

SIZE = (320, 8)
Pixel = tuple[int, ...]
GREEN = (0, 255, 0)
KEY = (b"tRNS", samples(GREEN, 16))
HIDDEN = (*GREEN, 0)


def halves(kind: tuple[int, int], left: Pixel, right: Pixel, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return a PNG whose left half is of one colour, given by its samples, and its right half of another."""
    row = samples(left * (SIZE[0] // 2) + right * (SIZE[0] // 2), kind[0])
    return png(SIZE, kind, [row] * SIZE[1], *chunks)


CASES: dict[str, tuple[bytes, Pixel, Pixel]] = {
    "f03 16-bit grey": (halves((16, GREY), (0x2F00,), (0x8000,)), (47, 47, 47, 255), (128, 128, 128, 255)),
    "f03 12 bits in 16": (halves((16, GREY), (0,), (0x0FFF,)), (0, 0, 0, 255), (15, 15, 15, 255)),
    "f03 16-bit grey, keyed": (
        halves((16, GREY), (0x2F01,), (0x2F00,), (b"tRNS", samples([0x2F00], 16))), (47, 47, 47, 255), HIDDEN,
    ),
    "f03 16-bit grey, profile": (
        halves((16, GREY), (55 * 257,), (65535,), profile_chunk(LINEAR_GREY)), (128, 128, 128, 255), (255,) * 4,
    ),
    "f04 keyed colour": (halves((8, COLOUR), (200, 40, 90), GREEN, KEY), (200, 40, 90, 255), HIDDEN),
    "f04 keyed colour, 16 bits": (
        halves((16, COLOUR), (51400, 10280, 23130), (0, 65535, 0), (b"tRNS", samples((0, 65535, 0), 16))),
        (200, 40, 90, 255), HIDDEN,
    ),
    "f04 keyed grey": (halves((8, GREY), (90,), (3,), (b"tRNS", samples([3], 16))), (90, 90, 90, 255), HIDDEN),
    "f04 keyed grey, 4 bits": (halves((4, GREY), (5,), (3,), (b"tRNS", samples([3], 16))), (85, 85, 85, 255), HIDDEN),
    "f04 keyed grey, 2 bits": (halves((2, GREY), (2,), (1,), (b"tRNS", samples([1], 16))), (170,) * 3 + (255,), HIDDEN),
    "f04 keyed grey, 1 bit": (halves((1, GREY), (0,), (1,), (b"tRNS", samples([1], 16))), (0, 0, 0, 255), HIDDEN),
    "f05 keyed colour, profile": (
        halves((8, COLOUR), (200, 40, 90), GREEN, profile_chunk(SRGB), KEY), (200, 40, 90, 255), HIDDEN,
    ),
    "f05 keyed grey, profile": (
        halves((8, GREY), (55,), (3,), profile_chunk(LINEAR_GREY), (b"tRNS", samples([3], 16))),
        (128, 128, 128, 255), HIDDEN,
    ),
    "f06 palette, profile": (
        halves((2, PALETTE), (0,), (1,), profile_chunk(SWAPPED), (b"PLTE", bytes((255, 0, 0, 0, 255, 0))),
               (b"tRNS", b"\xff\x00")),
        (0, 0, 255, 255), HIDDEN,
    ),
    "f06 palette, P3": (
        halves((1, PALETTE), (0,), (1,), profile_chunk(P3), (b"PLTE", bytes((200, 60, 60, 9, 9, 9)))),
        (219, 37, 49, 255), (2, 2, 2, 255),
    ),
    "f07 grey, profile": (
        halves((8, GREY), (55,), (255,), profile_chunk(LINEAR_GREY)), (128, 128, 128, 255), (255,) * 4,
    ),
    "f07 grey with alpha, profile": (
        halves((8, GREY_ALPHA), (55, 255), (9, 0), profile_chunk(LINEAR_GREY)), (128, 128, 128, 255), HIDDEN,
    ),
    "f07 16-bit grey with alpha, profile": (
        halves((16, GREY_ALPHA), (55 * 257, 65535), (9, 0), profile_chunk(LINEAR_GREY)), (128, 128, 128, 255), HIDDEN,
    ),
    "f07 grey, profile of colours": (
        halves((8, GREY), (55,), (200,), profile_chunk(SWAPPED)), (55, 55, 55, 255), (200, 200, 200, 255),
    ),
    "f07 colours, profile of grey": (
        halves((8, COLOUR), (200, 40, 90), GREEN, profile_chunk(LINEAR_GREY)), (200, 40, 90, 255), (*GREEN, 255),
    ),
    "f07 colours, broken profile": (
        halves((8, COLOUR), (200, 40, 90), GREEN, profile_chunk(BROKEN)), (200, 40, 90, 255), (*GREEN, 255),
    ),
    "f07 colours, empty profile": (
        halves((8, COLOUR), (200, 40, 90), GREEN, profile_chunk(b"")), (200, 40, 90, 255), (*GREEN, 255),
    ),
}  # fmt: skip


@pytest.fixture
def ctx(light_site: Path) -> Iterator[Context]:
    made = make_context(make_settings(light_site, f"sqlite:///{light_site}/.cms/cms.db"))
    yield made
    close(made)


def colours(data: bytes) -> list[Pixel]:
    """Return a pixel of each half."""
    with Image.open(io.BytesIO(data)) as image:
        found = [image.convert("RGBA").getpixel((x, 4)) for x in (80, 240)]
    return [pixel for pixel in found if isinstance(pixel, tuple)]


def is_like(pixel: Pixel, wanted: Pixel, distance: int) -> bool:
    """Return whether they look alike; of what is transparent, no colour is seen."""
    if wanted[3] == 0:
        return pixel[3] == 0
    return all(abs(one - other) <= distance for one, other in zip(pixel, wanted, strict=True))


def test_f03_to_f07_stored_photos_and_variants_look_like_what_was_sent(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    items = []
    for number in range(0, len(CASES), 20):
        some = list(CASES.items())[number : number + 20]
        sent = send(client, admin, *((data, f"{name}.png") for name, (data, _, _) in some), folder="looks")
        assert sent.status_code == 201, sent.text
        items += sent.get_json()["items"]
    renditions.make(ctx)
    for item, (name, (_, *wanted)) in zip(items, CASES.items(), strict=True):
        stored = colours(client.get(item["url"]).data)
        assert all(map(is_like, stored, wanted, (1, 1))), (name, stored, wanted)
        made = client.get(f"{IMAGES}/{item['path']}").get_json()["variants"]
        for variant in made:
            shown = colours(client.get(variant["url"]).data)
            assert all(map(is_like, shown, wanted, (3, 3))), (name, shown, wanted)
        assert [(variant["format"], variant["width"]) for variant in made] == [("webp", 320)], name


def test_a_heic_of_10_bits_without_exif_is_stored_in_srgb() -> None:
    pixel = struct.pack("<3H", 200 * 257, 55 * 257, 100 * 257)
    heic = pillow_heif.from_bytes(mode="RGB;16", size=(64, 40), data=pixel * 64 * 40)
    sent, out = io.BytesIO(), io.BytesIO()
    heic.save(sent, quality=95, icc_profile=SWAPPED)
    photo.prepare(sent, out, "a.heic", "", Limits())
    with Image.open(out) as stored:
        shown = stored.convert("RGBA").getpixel((20, 20))
    assert isinstance(shown, tuple)
    assert is_like(shown, (100, 52, 201, 255), 3), shown


@pytest.mark.parametrize(
    ("left", "right", "colour"),
    [
        ((0, 0, 0, 0), (200, 40, 90, 255), "#c8285a"),
        ((0, 0, 0, 0), (200, 40, 90, 20), "#c8285a"),
        ((9, 9, 9, 60), (200, 40, 90, 255), "#c8285a"),
        ((0, 0, 0, 0), (200, 40, 90, 0), None),
    ],
)
def test_what_is_transparent_counts_for_nothing_in_the_colour(
    left: Pixel, right: Pixel, colour: str | None, tmp_path: Path
) -> None:
    image = Image.new("RGBA", (30, 20), left)
    image.paste(right, (18, 0, 30, 20))
    out = io.BytesIO()
    image.save(out, "PNG")
    found = render(out, tmp_path, "webp").colour
    if colour is None or found is None:
        assert found == colour
        return
    assert is_like((*bytes.fromhex(found[1:]), 255), (*bytes.fromhex(colour[1:]), 255), 6), found
