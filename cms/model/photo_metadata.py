"""Who took a photo and whose it is, where its file says so: EXIF 2.32 tags, IPTC-IIM datasets 2:80 and 2:116."""

from __future__ import annotations

from collections.abc import Iterable

from PIL import ExifTags, Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

MOST_CHARACTERS = 200
_BY_LINE, _COPYRIGHT = (2, 80), (2, 116)


def owners(image: Image.Image) -> tuple[str | None, str | None]:
    """Who took it, and whose it is, where the file says so."""
    exif = image.getexif()
    iptc = (IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile) else None) or {}
    credit = _first((exif.get(ExifTags.Base.Artist), iptc.get(_BY_LINE)))
    return credit, _first((exif.get(ExifTags.Base.Copyright), iptc.get(_COPYRIGHT)))


def _first(values: Iterable[object]) -> str | None:
    return next((text for value in values if (text := _plain(value))), None)


def _plain(value: object) -> str:
    """Text of one line; cameras fill the field with blanks or NUL when nobody has said anything."""
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, str) and not value.isascii():
        # Pillow reads EXIF texts as Latin-1; most programs write UTF-8.
        value = value.encode("latin-1", "replace")
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MOST_CHARACTERS]
