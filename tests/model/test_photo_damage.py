"""Whatever is wrong with a photo's bytes, reading it ends in facts or in an error that an editor is told."""

from __future__ import annotations

import contextlib
import io
import random

import pytest

from cms.errors import Invalid, TooLarge, UnsupportedType
from cms.model import photo
from cms.model.limits import Limits
from tests.api.test_images import picture

LIMITS = Limits(photo_pixels=1_000_000)
FROM_A_PROGRAM = b"\x1c\x02\x50\x00\x04Dara\x1c\x02\x74\x00\x03me!"


def with_iptc(data: bytes) -> bytes:
    """A JPEG in which a program has written by-line and copyright, as IPTC-IIM."""
    block = b"8BIM\x04\x04\x00\x00" + len(FROM_A_PROGRAM).to_bytes(4, "big") + FROM_A_PROGRAM + b"\0"
    segment = b"Photoshop 3.0\0" + block
    return data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]


PHOTOS = {kind: picture(kind, artist="Sok Dara") for kind in ("JPEG", "PNG", "WEBP", "AVIF")}
PHOTOS["JPEG with IPTC"] = with_iptc(picture())


# Pillow reads on where EXIF is broken, with a warning.
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("name", PHOTOS)
def test_damage_is_told_and_hurts_nobody(name: str) -> None:
    chance, whole = random.Random(name), PHOTOS[name]
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(min(len(data), 700))] = chance.randrange(256)
        photo.look_at(io.BytesIO(data), "a.jpg")
        with contextlib.suppress(Invalid, UnsupportedType, TooLarge):
            photo.prepare(io.BytesIO(data), io.BytesIO(), "a.jpg", "", LIMITS)


def test_who_took_it_is_read_from_iptc_too() -> None:
    facts = photo.prepare(io.BytesIO(PHOTOS["JPEG with IPTC"]), io.BytesIO(), "a.jpg", "", LIMITS)
    assert (facts.credit, facts.copyright, facts.has_gps) == ("Dara", "me!", True)
