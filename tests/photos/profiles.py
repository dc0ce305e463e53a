"""Colour profiles (ICC.1, version 2), small and unmistakable."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from PIL import ImageCms

_WHITE = (0.9642, 1.0, 0.8249)
_SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _place(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))


def _profile(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", link: bytes = b"XYZ ") -> bytes:
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    tags = {b"desc": text, b"cprt": b"text\0\0\0\0x\0", b"wtpt": _place(_WHITE), **tags}
    start, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I", start + len(body)) + b"lcms\x02\x40\0\0" + kind + space + link
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += b"".join(map(_fixed, _WHITE))
    return head + bytes(128 - len(head)) + struct.pack(">I", len(tags)) + table + body


def _colour(primaries: Iterable[tuple[float, float, float]]) -> bytes:
    places = zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    curves = {name: _curve(2.2) for name in (b"rTRC", b"gTRC", b"bTRC")}
    return _profile(b"RGB ", {**{name: _place((x, y, z)) for name, (x, y, z) in places}, **curves})


def _grey(gamma: float) -> bytes:
    return _profile(b"GRAY", {b"kTRC": _curve(gamma)})


SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = _colour(_P3)
SWAPPED = _colour(reversed(_SRGB))
"""Red and blue have changed places."""

LINEAR_GREY = _grey(1.0)
DOT_GAIN = _grey(1.75)
BROKEN = SWAPPED[:200] + bytes(len(SWAPPED) - 200)


def _inks() -> bytes:
    """Return the table from CMYK to Lab of inks that cover one another, in 8 bits with two steps an ink."""
    nodes = b""
    for node in range(16):
        cyan, magenta, yellow, black = (node >> place & 1 for place in (3, 2, 1, 0))
        light = (1 - 0.3 * cyan) * (1 - 0.5 * magenta) * (1 - 0.1 * yellow) * (1 - 0.9 * black)
        tints = (50 * (magenta - cyan) * light, 60 * (yellow - cyan) * light)
        nodes += bytes(round(value) for value in (255 * light, 128 + tints[0], 128 + tints[1]))
    straight = bytes(range(256))
    matrix = b"".join(_fixed(float(place % 4 == 0)) for place in range(9))
    return b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + straight * 4 + nodes + straight * 3


INKS = _profile(b"CMYK", {b"A2B0": _inks()}, kind=b"prtr", link=b"Lab ")
