"""PNG files of every bit depth and colour type, with the chunks that Pillow does not write."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(size: tuple[int, int], kind: tuple[int, int], rows: Iterable[bytes], *chunks: tuple[bytes, bytes]) -> bytes:
    """Return the file; `kind` is bit depth and colour type, each row holds its samples as the file does."""
    header = struct.pack(">IIBBBBB", *size, *kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 1)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return SIGNATURE + b"".join(chunk(name, body) for name, body in parts)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def profile_chunk(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"profile\0\0" + zlib.compress(profile)


def samples(values: Iterable[int], depth: int = 8) -> bytes:
    """Return the samples of a row, packed from the left when they have less than 8 bits."""
    if depth == 16:
        return b"".join(struct.pack(">H", value) for value in values)
    bits = "".join(f"{value:0{depth}b}" for value in values)
    return bytes(int(bits[start : start + 8].ljust(8, "0"), 2) for start in range(0, len(bits), 8))
