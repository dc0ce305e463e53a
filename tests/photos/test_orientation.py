"""Photos are turned where a browser turns them, and the API tells their size as they are shown."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import Base
from PIL.PngImagePlugin import PngInfo

from cms.model import photo
from cms.model.limits import Limits
from cms.model.photo_variants import render
from tests.photos.made_png import chunk

RED = (255, 0, 0)
TURNED = {1: "upper left", 2: "upper right", 3: "lower right", 4: "lower left"} | {
    5: "upper left", 6: "upper right", 7: "lower right", 8: "lower left",
}  # fmt: skip
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def exif(orientation: int, tag: int = Base.Orientation) -> Image.Exif:
    made = Image.Exif()
    made[tag] = orientation
    return made


RAW_PROFILE = f"\nexif\n{len(exif(6).tobytes()):8}\n{exif(6).tobytes().hex()}\n"


def saved(kind: str, **options: object) -> bytes:
    """Return a wide photo whose upper left is red."""
    image = Image.new("RGB", (640, 400), "blue")
    image.paste(RED, (0, 0, 320, 200))
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def texts(name: str, text: str) -> PngInfo:
    info = PngInfo()
    info.add_itxt(name, text)
    return info


def with_exif(*, behind: str) -> bytes:
    """Return a PNG with an eXIf chunk directly before the chunk of that name."""
    data = saved("PNG")
    place = data.index(behind.encode()) - 4
    return data[:place] + chunk(b"eXIf", exif(6).tobytes()[6:]) + data[place:]


def avif_with_exif_alone() -> bytes:
    """Return an AVIF whose EXIF data tells an orientation, and whose boxes do not."""
    data = saved("AVIF", exif=exif(6, Base.Orientation + 1))
    tag = struct.pack(">HH", Base.Orientation + 1, 3)
    assert data.count(tag) == 1
    return data.replace(tag, struct.pack(">HH", Base.Orientation, 3))


def corner(image: Image.Image) -> str:
    """Return where the red quarter is."""
    width, height = image.size
    for y, row in ((height // 4, "upper"), (height * 3 // 4, "lower")):
        for x, column in ((width // 4, "left"), (width * 3 // 4, "right")):
            pixel = image.convert("RGB").getpixel((x, y))
            if isinstance(pixel, tuple) and pixel[0] > 128:
                return f"{row} {column}"
    return "nowhere"


def check(data: bytes, orientation: int, folder: Path, *, is_stored: bool = True) -> None:
    """Assert that facts, what is stored, and a variant stand as the orientation says."""
    size = (400, 640) if orientation > 4 else (640, 400)
    facts = photo.look_at(io.BytesIO(data), "a")
    assert (facts.width, facts.height) == size
    made = render(io.BytesIO(data), folder, "webp")
    assert made.variants[0][:2] == (320, 320 * size[1] // size[0])
    with Image.open(folder / "320.webp") as variant:
        assert (variant.size, corner(variant)) == (made.variants[0][:2], TURNED[orientation])
    if is_stored:
        out = io.BytesIO()
        facts = photo.prepare(io.BytesIO(data), out, "a", "", Limits())
        with Image.open(out) as stored:
            assert (
                (stored.size, corner(stored))
                == (size, TURNED[orientation])
                == ((facts.width, facts.height), corner(stored))
            )


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "AVIF", "TIFF"])
def test_a_photo_is_turned_as_its_file_says(kind: str, orientation: int, tmp_path: Path) -> None:
    check(saved(kind, exif=exif(orientation)), orientation, tmp_path, is_stored=kind != "TIFF")


IGNORED: dict[str, Callable[[], bytes]] = {
    "WebP": lambda: saved("WEBP", exif=exif(6)),
    "XMP of a JPEG": lambda: saved("JPEG", xmp=XMP),
    "XMP of a WebP": lambda: saved("WEBP", xmp=XMP),
    "XMP of an AVIF": lambda: saved("AVIF", xmp=XMP),
    "XMP of a PNG": lambda: saved("PNG", pnginfo=texts("XML:com.adobe.xmp", XMP.decode())),
    "ImageMagick's text in a PNG": lambda: saved("PNG", pnginfo=texts("Raw profile type exif", RAW_PROFILE)),
    "EXIF behind the pixels of a PNG": lambda: with_exif(behind="IEND"),
    "EXIF of an AVIF without boxes": avif_with_exif_alone,
    "no such orientation": lambda: saved("JPEG", exif=exif(9)),
    "orientation 0": lambda: saved("PNG", exif=exif(0)),
}  # fmt: skip


@pytest.mark.parametrize("name", IGNORED)
def test_what_browsers_do_not_turn_stays_as_it_is(name: str, tmp_path: Path) -> None:
    check(IGNORED[name](), 1, tmp_path)


def test_exif_before_the_pixels_of_a_png_turns_it(tmp_path: Path) -> None:
    check(with_exif(behind="IDAT"), 6, tmp_path)
