"""Photos that hold a document or an archive as well: in their head, in a later segment, or after their end."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from typing import Any

from PIL import Image

from tests.photos.made_png import SIGNATURE, chunk

PLACES = ("head", "segment", "end")
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
_BEFORE = b" " * 2000
"""What stands before a document that does not lie in the head."""


def photo(kind: str) -> bytes:
    """Return a small photo without any metadata."""
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def with_document(kind: str, place: str, document: bytes) -> bytes:
    """Return the same photo with the document in it."""
    clean = photo(kind)
    if place == "end":
        return clean + _BEFORE + document
    block = document if place == "head" else _BEFORE + document
    if kind == "JPEG":
        return jpeg_with(clean, (0xFE, block))
    if kind == "PNG":
        return png_with(clean, (b"tEXt", b"Comment\0" + block))
    if kind == "WEBP":
        padded = block + b"\0" * (len(block) % 2)
        header = b"VP8X" + struct.pack("<IB", 10, 4) + b"\0" * 3 + _three(63) + _three(47)
        body = b"WEBP" + header + clean[12:] + b"XMP " + struct.pack("<I", len(block)) + padded
        return b"RIFF" + struct.pack("<I", len(body)) + body
    return _avif_with(clean, struct.pack(">I4s", len(block) + 8, b"free") + block)


def jpeg_with(data: bytes, *segments: tuple[int, bytes]) -> bytes:
    """Return the JPEG with these segments, of marker and content, directly after its first two bytes."""
    inserted = (struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments)
    return data[:2] + b"".join(inserted) + data[2:]


def png_with(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Return the PNG with these chunks, of name and content, directly after its header."""
    end = len(SIGNATURE) + 25
    return data[:end] + b"".join(chunk(name, content) for name, content in chunks) + data[end:]


def _three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def _avif_with(data: bytes, box: bytes) -> bytes:
    """Return the AVIF with the box after its first one, and the place of its pixels corrected."""
    pixels = data.index(b"mdat") + 4
    place = data.index(struct.pack(">I", pixels), data.index(b"iloc"))
    moved = data[:place] + struct.pack(">I", pixels + len(box)) + data[place + 4 :]
    size = int.from_bytes(data[:4], "big")
    return moved[:size] + box + moved[size:]


def pdf() -> bytes:
    """Return a PDF of one empty page."""
    objects = (b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Page/Parent 2 0 R>>")
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj%s endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % len(data)
    return data + b"xref\n0 4\n0000000000 65535 f \n" + table + trailer


def archive() -> bytes:
    """Return a ZIP archive of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(zipfile.ZipInfo("a.txt"), "hello")
    return out.getvalue()


def tar_header(before: bytes, **options: Any) -> bytes:
    """Return a block of 512 bytes that begins with `before` and is the header of a file in a TAR archive."""
    made = bytearray(tarfile.TarInfo("name").tobuf(tarfile.USTAR_FORMAT))
    made[: len(before)] = before
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)
