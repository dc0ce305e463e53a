"""F12: a photo is refused when its file is a document or an archive too, and not for what stands in its metadata."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zipfile
import zlib

import pytest
from flask.testing import FlaskClient
from PIL import Image, PngImagePlugin
from PIL.ExifTags import Base

from cms.context import Context
from cms.errors import Invalid, UnsupportedType
from cms.model.limits import Limits
from cms.model.photo import prepare
from tests.api.editing import problem
from tests.api.test_images import send
from tests.conftest import state_of
from tests.photos.made_png import PALETTE, chunk, png
from tests.photos.polyglots import (
    FORMATS,
    PLACES,
    archive,
    jpeg_with,
    pdf,
    photo,
    png_with,
    tar_header,
    with_document,
)

PLIST = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" '
    b'"http://www.apple.com/DTDs/PropertyList-1.0.dtd">\n<plist version="1.0"><dict>'
    b"<key>com.apple.print.PageFormat.PMHorizontalRes</key><real>72</real></dict></plist>\n"
)
XMP = b'<?xml version="1.0"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><a href="x"/></x:xmpmeta>'

CODE = {
    "html": b"<!doctype html><html><script>alert(1)</script></html>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "php": b"<?php system($_GET[0]); ?>",
    "javascript": b"*/=1;alert(1);/*",
}
DOCUMENTS = {
    "PDF": pdf(),
    "PDF without a header": pdf().partition(b"\n")[2],
    "ZIP": archive(),
    "empty ZIP": b"PK\x05\x06" + b"\0" * 18,
    "PHAR": b"<?php __HALT_COMPILER(); ?>\r\n" + b"\0" * 18,
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + b"\0" * 24,
    "RAR": b"Rar!\x1a\x07\0" + b"\0" * 20,
}


def stored(data: bytes) -> bytes:
    out = io.BytesIO()
    prepare(io.BytesIO(data), out, "a.jpg", "", Limits())
    return out.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_f12_code_in_a_photo_is_dropped_and_the_photo_is_taken(kind: str) -> None:
    clean = stored(photo(kind))
    for name, code in CODE.items():
        for place in PLACES:
            assert code in (sent := with_document(kind, place, code))
            assert stored(sent) == clean, (name, place)


@pytest.mark.parametrize("kind", FORMATS)
def test_f12_a_photo_that_is_a_document_too_is_refused(kind: str) -> None:
    for name, document in DOCUMENTS.items():
        for place in PLACES:
            sent = with_document(kind, place, document)
            with Image.open(io.BytesIO(sent)) as image:
                image.load()
            assert not name.endswith("ZIP") or zipfile.is_zipfile(io.BytesIO(sent))
            with pytest.raises(UnsupportedType, match=f"{name.split()[-1] if 'ZIP' in name else name.split()[0]} "):
                stored(sent)


def harmless() -> dict[str, tuple[bytes, bytes]]:
    """Return photos with metadata that real programs write, each beside the same photo without."""
    jpeg, plain_png = photo("JPEG"), photo("PNG")
    exif = Image.Exif()
    exif[Base.ImageDescription] = "<html><body>a day at the river</body></html>"
    exif[Base.Software] = "GIMP 2.10.36"
    exif.get_ifd(Base.ExifOffset)[Base.UserComment] = b"ASCII\0\0\0<script src='x'></script>"
    described = io.BytesIO()
    Image.open(io.BytesIO(plain_png)).save(described, "PNG", exif=exif)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "Created with GIMP; <?xml version='1.0'?>")
    text.add_text("pdf:Version", "PDF-1.5 ")
    text.add_text("mxfile", "%3Cmxfile%20host%3D%22app.diagrams.net%22%3E")
    commented = io.BytesIO()
    Image.open(io.BytesIO(plain_png)).save(commented, "PNG", pnginfo=text)
    settings = b"Photoshop 3.0\x008BIM" + struct.pack(">HHI", 0x03EA, 0, len(PLIST)) + PLIST + b"\0" * (len(PLIST) % 2)
    return {
        "print settings of Photoshop": (jpeg_with(jpeg, (0xED, settings)), jpeg),
        "XMP that begins as XML": (jpeg_with(jpeg, (0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)), jpeg),
        "EXIF with HTML": (jpeg_with(jpeg, (0xE1, b"Exif\0\0" + exif.tobytes().removeprefix(b"Exif\0\0"))), jpeg),
        "XMP in PNG": (png_with(plain_png, (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)), plain_png),
        "EXIF in PNG": (described.getvalue(), plain_png),
        "texts in PNG": (commented.getvalue(), plain_png),
    }


def test_f12_harmless_metadata_is_dropped_and_the_photo_is_taken(client: FlaskClient, admin: dict[str, str]) -> None:
    photos = harmless()
    ending = {name: "jpg" if clean[:2] == b"\xff\xd8" else "png" for name, (_, clean) in photos.items()}
    sent = [(data, f"{number}.{ending[name]}") for number, (name, (data, _)) in enumerate(photos.items())]
    clean = [(photo("JPEG"), "clean.jpg"), (photo("PNG"), "clean.png")]
    response = send(client, admin, *sent, folder="new")
    assert response.status_code == 201, response.text
    plain = send(client, admin, *clean, folder="clean").get_json()["items"]
    wanted = {item["format"]: client.get(item["url"]).data for item in plain}
    for item in response.get_json()["items"]:
        assert client.get(item["url"]).data == wanted[item["format"]]


def noise_with(data: bytes) -> bytes:
    """Return a PNG with a palette, whose pixels are noise that no encoder can compress, and have the data in one row.

    In the file, these rows lie in pieces of three bytes.
    """
    palette = bytes(value for colour in range(256) for value in (colour, 255 - colour, colour // 2))
    for number in range(200):
        noise = hashlib.shake_128(bytes([number])).digest(300 * 256).replace(b"\0", b"")  # the data has zeros enough
        pixels = noise[: 256 * 20] + data + noise[256 * 20 + len(data) : 256 * 256]
        image = Image.frombytes("P", (256, 256), pixels)
        image.putpalette(palette)
        out = io.BytesIO()
        image.save(out, "PNG", optimize=True)
        if data in out.getvalue():
            break
    packed = zlib.compress(b"".join(b"\0" + pixels[start : start + 256] for start in range(0, 256 * 256, 256)), 0)
    pieces = [packed[:5000], *(packed[start : start + 3] for start in range(5000, 6500, 3)), packed[6500:]]
    start = png((256, 256), (8, PALETTE), [], (b"PLTE", palette))
    return start[: start.index(b"IDAT") - 4] + b"".join(chunk(b"IDAT", piece) for piece in pieces) + chunk(b"IEND", b"")


def with_palette(data: bytes) -> bytes:
    """Return a PNG whose palette is the data, behind a long text."""
    palette = data.ljust(768, b"\0")
    rows = [bytes(range(256))] * 4
    return png((256, 4), (8, PALETTE), rows, (b"tEXt", b"Comment\0" + b" " * 2000), (b"PLTE", palette))


def with_table(data: bytes) -> bytes:
    """Return a coarse JPEG whose table of quantization begins with the data, behind a long comment."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "JPEG", quality=20)
    before, mark, after = out.getvalue().partition(b"\xff\xdb\0\x43\0")
    return jpeg_with(before + mark + data + after[len(data) :], (0xFE, b" " * 2000))


def test_f12_a_photo_whose_stored_file_would_be_a_document_is_refused(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    """Its palette, its tables or its pixels are stored as they came."""
    start = png((256, 4), (8, PALETTE), [bytes(256)] * 4, (b"PLTE", bytes(768)))[:41]
    objects = pdf().partition(b"xref")[0] + b"trailer<</Root 1 0 R>>"
    made = [
        ("PDF", with_palette(objects)),
        ("PDF", with_table(b"%PDF-1.4")),
        ("TAR", with_palette(tar_header(start)[41:])),
        ("ZIP", noise_with(archive())),
    ]
    before = state_of(ctx)
    for name, data in made:
        assert not zipfile.is_zipfile(io.BytesIO(data))
        assert not tarfile.is_tarfile(io.BytesIO(data))
        assert b"%PDF" not in data[:1100]
        found = problem(send(client, admin, (data, "a.png"), folder="new"), 415, "photo_type")
        assert name in found["detail"]
        assert state_of(ctx) == before


def test_a_jpeg_without_its_end_is_refused_as_damaged() -> None:
    """Nothing in its file, nor in what decodes it, tells whether the last rows are there."""
    with pytest.raises(Invalid, match="damaged"):
        stored(photo("JPEG")[:-2])
