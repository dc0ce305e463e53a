"""Whether a photo's file tells where it was taken, in any of the places that cameras and editors write it to.

Looked at are the bytes of the whole file and not only its first picture: phones append further pictures (MPF), short
films and data of their own. What Pillow had to decompress is looked at besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from PIL import ExifTags, Image, IptcImagePlugin
from PIL.ImageFile import ImageFile

MOST_BYTES = 256 * 1024 * 1024
"""Of a file that are looked at."""

_WINDOW = 1024 * 1024
_REACH = 64 * 1024
"""What begins in a window is read to the end when it is no longer than this, as is every segment of a JPEG."""

_MOST = 32
"""Blocks of a kind that are looked into in one window."""

_MOST_NAMES = 1000
"""Names in one window after which a value is looked for; a file with more of them is taken for one that tells."""

_MOST_TAGS = 500

_GPS = {
    ExifTags.GPS.GPSLatitude,
    ExifTags.GPS.GPSLongitude,
    ExifTags.GPS.GPSDestLatitude,
    ExifTags.GPS.GPSDestLongitude,
    ExifTags.GPS.GPSAreaInformation,
}
_GPS_IFD = ExifTags.IFD.GPSInfo
_EXIF = re.compile(rb"(?:Exif\0\0|eXIf|EXIF.{4})(?=II\*\0|MM\0\*)", re.DOTALL)

_XMP_NAMES = (
    rb"(?:G(?:PS|ps)(?:Dest)?(?:Latitude|Longt?itude)|GPSAreaInformation"
    rb"|City|State|ProvinceState|Country(?:Code|Name)?|Sub-?location|Location(?:Name)?)"
)
_XMP = re.compile(rb":" + _XMP_NAMES)
# The value after the name of an attribute, or of an element, whose text may lie in a list. Each part is bounded, so
# that no file makes the search long.
_XMP_VALUE = re.compile(
    rb"\s{0,9}=\s{0,9}[\"']\s{0,9}[^\"'\s]"
    rb"|(?:\s[^>]{0,100})?(?<!/)>\s{0,100}(?:<[^/>][^>]{0,100}(?<!/)>\s{0,100}){0,4}[^<\s]"
)

_IPTC_BLOCK = re.compile(rb"8BIM\x04\x04")
# IPTC-IIM 2:26 and 2:27 content location, 2:90 city, 2:92 sublocation, 2:95 state, 2:100 and 2:101 country.
_IPTC_RECORD, _IPTC_NUMBERS = 2, (26, 27, 90, 92, 95, 100, 101)
_IPTC = re.compile(rb"\x1c\x02[" + bytes(_IPTC_NUMBERS) + rb"]\0[\x01-\xff]")

# ISO 6709 as phones write it into their films: QuickTime's own key, and Apple's.
_FILM = re.compile(rb"\xa9xyz|location\.ISO6709")
_FILM_VALUE = re.compile(rb".{0,400}?[+-]\d\d\.\d{1,20}[+-]\d{3}\.\d", re.DOTALL)
_RAW_PROFILE = "Raw profile type "


def is_told(image: Image.Image, stream: BinaryIO) -> bool:
    """Whether anybody can read from the file where the photo was taken; `stream` is the file that `image` is of."""
    return _is_in_header(image) or any(_is_in(data) for data in (*_texts(image), *_windows(stream)))


def _is_in_header(image: Image.Image) -> bool:
    if _GPS & set(image.getexif().get_ifd(_GPS_IFD)):
        return True
    iptc = IptcImagePlugin.getiptcinfo(image) if isinstance(image, ImageFile) else None
    return any(iptc.get((_IPTC_RECORD, number)) for number in _IPTC_NUMBERS) if iptc else False


def _texts(image: Image.Image) -> Iterator[bytes]:
    """What stands compressed, or as hexadecimal digits, in a PNG."""
    for name, value in image.info.items():
        if name in ("xmp", "XML:com.adobe.xmp"):
            yield value if isinstance(value, bytes) else str(value).encode(errors="replace")
        elif str(name).startswith(_RAW_PROFILE):
            yield b"Exif\0\0" + _unhexed(str(value))


def _unhexed(text: str) -> bytes:
    """The profile, after its name and its length, as ImageMagick writes it."""
    digits = "".join(text.split()[2:])
    return bytes.fromhex(digits) if re.fullmatch(r"(?:[0-9a-fA-F]{2})*", digits) else b""


def _windows(stream: BinaryIO) -> Iterator[bytes]:
    for start in range(0, MOST_BYTES, _WINDOW):
        stream.seek(start)
        data = stream.read(_WINDOW + _REACH)
        yield data
        if len(data) <= _WINDOW:
            return


def _is_in(data: bytes) -> bool:
    if _is_said(_XMP, _XMP_VALUE, data) or _is_said(_FILM, _FILM_VALUE, data):
        return True
    for block in islice(_EXIF.finditer(data), _MOST):
        if _is_in_exif(data[block.end() : block.end() + _REACH]):
            return True
    blocks = islice(_IPTC_BLOCK.finditer(data), _MOST)
    return any(_IPTC.search(data, block.end(), block.end() + _REACH) for block in blocks)


def _is_said(name: re.Pattern[bytes], value: re.Pattern[bytes], data: bytes) -> bool:
    """Whether one of the names has a value; so has one of too many."""
    places = enumerate(name.finditer(data))
    return any(number == _MOST_NAMES or value.match(data, place.end()) for number, place in places)


def _is_in_exif(tiff: bytes) -> bool:
    """Whether the EXIF data, which begins with a TIFF header, has a GPS directory that tells a place."""
    is_little = tiff.startswith(b"II")

    def number(start: int, size: int) -> int:
        return int.from_bytes(tiff[start : start + size], "little" if is_little else "big")

    def directory(start: int) -> dict[int, int]:
        """Tags, and the numbers that stand where their values do or are pointed to."""
        places = range(start + 2, start + 2 + 12 * min(number(start, 2), _MOST_TAGS), 12)
        return {number(place, 2): number(place + 8, 4) for place in places if place < len(tiff)}

    where = directory(number(4, 4)).get(_GPS_IFD)
    return where is not None and bool(_GPS & set(directory(where)))
