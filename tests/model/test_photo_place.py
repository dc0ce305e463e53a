"""A photo that tells where it was taken is known, wherever in its file that stands; others are left in peace."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo

from cms.model import photo, photo_place
from cms.model.limits import Limits


def plain(kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "green").save(out, kind, **options)
    return out.getvalue()


def exif(**gps: object) -> bytes:
    """EXIF data of a camera, with these tags in its GPS directory."""
    made = Image.Exif()
    made[Base.Make] = "Camera"
    made[Base.DateTime] = "2025:06:24 10:00:00"
    made.get_ifd(IFD.GPSInfo).update({GPS[name]: value for name, value in gps.items()})
    return made.tobytes()


def xmp(inside: str, attributes: str = "") -> bytes:
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description rdf:about="" {attributes}>{inside}'
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def with_iptc(data: bytes, *fields: tuple[int, bytes]) -> bytes:
    """A JPEG in which a program has written these fields of record 2 of IPTC-IIM."""
    sets = b"".join(b"\x1c\x02" + bytes([number]) + len(text).to_bytes(2, "big") + text for number, text in fields)
    segment = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + len(sets).to_bytes(4, "big") + sets + b"\0" * (len(sets) % 2)
    return data[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + data[2:]


def png_chunk(data: bytes, name: bytes, content: bytes) -> bytes:
    """The PNG with one more chunk, before its end."""
    checksum = zlib.crc32(name + content).to_bytes(4, "big")
    return data[:-12] + len(content).to_bytes(4, "big") + name + content + checksum + data[-12:]


def several_pictures() -> bytes:
    """A JPEG whose second picture (MPF) alone has GPS data."""
    out = io.BytesIO()
    Image.new("RGB", (60, 40)).save(out, "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40))])
    first, second = out.getvalue()[:-1000], out.getvalue()[-1000:]
    segment = b"\xff\xe1" + (len(HERE) + 2).to_bytes(2, "big") + HERE
    return first + second.replace(b"\xff\xd8\xff", b"\xff\xd8" + segment + b"\xff", 1)


def raw_profile(kind: str, content: bytes) -> PngInfo:
    """As ImageMagick keeps it in a PNG, compressed."""
    made = PngInfo()
    made.add_text(f"Raw profile type {kind}", f"\n{kind}\n{len(content):8}\n{content.hex()}\n", zip=True)
    return made


def compressed_xmp(content: bytes) -> PngInfo:
    made = PngInfo()
    made.add_itxt("XML:com.adobe.xmp", content.decode(), zip=True)
    return made


HERE = exif(GPSLatitude=(11.0, 34.0, 8.0), GPSLongitude=(104.0, 55.0, 1.0))
CITY = xmp("<photoshop:City>Phnom Penh</photoshop:City>")
LATITUDE = xmp("", 'exif:GPSLatitude="11,34.1N"')
SHOWN = xmp(
    "<Iptc4xmpExt:LocationShown>\n <rdf:Bag>\n  <rdf:li rdf:parseType='Resource'>\n   <Iptc4xmpExt:LocationName>\n"
    "    <rdf:Alt><rdf:li xml:lang='x-default'>Central Market</rdf:li></rdf:Alt></Iptc4xmpExt:LocationName>"
    "</rdf:li></rdf:Bag></Iptc4xmpExt:LocationShown>"
)
FILM = (
    b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\0\0\x26moov\0\0\0\x1eudta\0\0\0\x1e\xa9xyz\0\x12\x15\xc7+11.5564+104.9282/"
)

TELLING = {
    **{f"EXIF of {kind}": plain(kind, exif=HERE) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")},
    "EXIF after the picture of a PNG": png_chunk(plain("PNG"), b"eXIf", HERE.removeprefix(b"Exif\0\0")),
    "EXIF as text in a PNG": plain("PNG", pnginfo=raw_profile("exif", HERE)),
    "the name of an area": plain(exif=exif(GPSAreaInformation=b"ASCII\0\0\0Central Market")),
    "XMP with coordinates": plain(xmp=LATITUDE),
    "XMP with a city": plain(xmp=CITY),
    "XMP with a city, as an attribute": plain(xmp=xmp("", "photoshop:City='Phnom Penh'")),
    "XMP with a country": plain(xmp=xmp("", 'photoshop:Country = "Cambodia"')),
    "XMP with a location": plain(xmp=xmp("<Iptc4xmpCore:Location>Market</Iptc4xmpCore:Location>")),
    "XMP with a place shown": plain(xmp=SHOWN),
    "XMP of a drone": plain(xmp=xmp("", 'drone-dji:GpsLatitude="+11.5564"')),
    "XMP of WebP": plain("WEBP", xmp=CITY),
    "XMP of AVIF": plain("AVIF", xmp=CITY),
    "XMP of a PNG, compressed": plain("PNG", pnginfo=compressed_xmp(CITY)),
    "XMP as text in a PNG": plain("PNG", pnginfo=raw_profile("xmp", CITY)),
    "IPTC with a city": with_iptc(plain(), (90, b"Phnom Penh")),
    "IPTC with a country": with_iptc(plain(), (80, b"Dara"), (101, b"Cambodia")),
    "a second picture": several_pictures(),
    "a picture behind the picture": plain() + b"SEFHe\0\0\0" + plain(exif=HERE) + b"SEFT",
    "a city behind the picture": plain() + with_iptc(plain(), (90, b"Phnom Penh")),
    "a film behind the picture": plain() + FILM,
    "far behind the picture": plain() + b"\0" * (3 * 1024 * 1024 - 20) + plain(exif=HERE),
}
SILENT = {
    **{f"nothing in {kind}": plain(kind) for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF")},
    "EXIF without a place": plain(exif=exif()),
    "a GPS time alone": plain(exif=exif(GPSVersionID=b"\2\3\0\0", GPSDateStamp="2025:06:24")),
    "XMP of an editor": plain(xmp=xmp("<xmp:CreatorTool>Editor: City=1</xmp:CreatorTool>", 'tiff:Make="Camera"')),
    "XMP with empty fields": plain(xmp=xmp("<photoshop:City/><photoshop:State></photoshop:State>", 'a:Country=""')),
    "XMP with an empty list": plain(xmp=xmp("<a:Location><rdf:Bag><rdf:li/></rdf:Bag></a:Location>")),
    "where the photographer lives": plain(xmp=xmp("<Iptc4xmpCore:CiAdrCity>Kampot</Iptc4xmpCore:CiAdrCity>")),
    "IPTC of an owner": with_iptc(plain(), (80, b"Dara"), (116, b"me"), (90, b"")),
    "a film without a place": plain() + FILM.replace(b"+11.5564+104.9282", b"x" * 17),
    "half an EXIF block": plain() + HERE[:20],
}


@pytest.mark.parametrize("name", TELLING)
def test_a_photo_that_tells_its_place_is_known(name: str) -> None:
    assert photo.look_at(io.BytesIO(TELLING[name]), "a.jpg").has_gps


@pytest.mark.parametrize("name", SILENT)
def test_a_photo_that_tells_none_is_left_in_peace(name: str) -> None:
    facts = photo.look_at(io.BytesIO(SILENT[name]), "a.jpg")
    assert (facts.width, facts.has_gps) == (60, False)


@pytest.mark.parametrize("name", [name for name in TELLING if "TIFF" not in name])
def test_what_is_stored_of_it_tells_none(name: str) -> None:
    out = io.BytesIO()
    assert photo.prepare(io.BytesIO(TELLING[name]), out, "a.jpg", "", Limits()).has_gps
    assert not photo.look_at(out, "a.jpg").has_gps
    for secret in (b"Phnom", b"Cambodia", b"Central", b"Market", b"11.55", b"11,34", HERE[6:]):
        assert secret not in out.getvalue()


@pytest.mark.parametrize("piece", [b":City ", b":City ><a ></", b":City = ", b"location.ISO6709", b"\xa9xyz"])
def test_a_file_with_too_many_names_of_places_is_taken_for_one_that_tells(piece: bytes) -> None:
    """A search for the value after each would take 0.5 s a MB."""
    for number, tells in ((1000, False), (1001, True), (256 * 1024, True)):
        assert photo.look_at(io.BytesIO(plain() + piece * number), "a.jpg").has_gps is tells, number


@pytest.mark.parametrize("piece", [b"Exif\0\0II*\0\x08\0\0\0\xff\xff", b"8BIM\x04\x04"])
def test_many_blocks_that_say_nothing_tell_nothing(piece: bytes) -> None:
    assert not photo.look_at(io.BytesIO(plain() + piece * (2 * 1024 * 1024 // len(piece))), "a.jpg").has_gps


def test_no_more_than_so_many_bytes_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_place, "MOST_BYTES", 1024 * 1024)
    far = io.BytesIO(plain() + b"\0" * 2 * 1024 * 1024 + plain(exif=HERE))
    assert not photo.look_at(far, "a.jpg").has_gps
