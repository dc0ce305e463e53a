"""What a photo's bytes are, and how an editor's photo is made fit to be public.

A stored photo carries no EXIF, GPS, XMP or comments, stands upright, and is in sRGB.
"""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from PIL.ImageFile import ImageFile

from cms.errors import CmsError, Invalid, Problem, TooLarge, UnsupportedType
from cms.model import photo_metadata, photo_pixels, photo_place
from cms.model.limits import Limits
from cms.model.other_kinds import other_kind

# Its check counts pixels of its own liking; ours reads the header and comes first.
Image.MAX_IMAGE_PIXELS = None

with contextlib.suppress(ImportError):
    # The optional extra `heic`: what iPhones send, stored as JPEG.
    import pillow_heif

    pillow_heif.register_heif_opener()

_HEIC = tuple(name for name in ("HEIF",) if name in Image.ID)
READ = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF")
ACCEPTED = ("JPEG", "PNG", "WEBP", "AVIF", *_HEIC)
EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp", "avif": "avif"}
MEDIA_TYPES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "svg": "image/svg+xml",
}
ACCEPTED_TYPES = tuple(MEDIA_TYPES[kind] for kind in EXTENSIONS) + (("image/heic", "image/heif") if _HEIC else ())
_SAVE: dict[str, dict[str, object]] = {
    "jpeg": {"quality": 88, "optimize": True, "progressive": True},
    "png": {"optimize": True},
    "webp": {"quality": 80, "method": 4},
    "avif": {"quality": 75},
}
_LOSSLESS: dict[str, object] = {"lossless": True, "quality": 50, "method": 2}
"""How a WebP that came without loss is saved: text in a screenshot stays sharp."""

_JPEG_STEPS = 884
"""The sum of the luminance table of a JPEG of that quality; larger is coarser."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`width` and `height` as shown, upright, in pixels; None when the file is no picture that can be read.

    The file told, or still tells, where it was taken (`has_gps`), by whom (`credit`) and whose it is (`copyright`).
    """

    format: str
    width: int | None
    height: int | None
    has_gps: bool = False
    credit: str | None = None
    copyright: str | None = None


def look_at(stream: BinaryIO, name: str) -> Facts:
    """What the header says; the ending of the name when the header says nothing."""
    try:
        with Image.open(stream, formats=READ) as image:
            width, height = photo_pixels.shown_size(image)
            return Facts(_format(image), width, height, photo_place.is_told(image, stream))
    except Exception:  # Pillow's decoders raise errors of many classes, struct.error and zlib.error among them
        ending = name.rpartition(".")[2].lower()
        return Facts({"jpg": "jpeg", "tif": "tiff"}.get(ending, ending), None, None)


def prepare(source: BinaryIO, out: BinaryIO, name: str, where: str, limits: Limits) -> Facts:
    """Write the photo to `out`, which can be read too, as it is to be stored.

    A photo that is a document too is refused, and so is one whose palette, tables or pixels would make what is stored
    such a document. Raises `UnsupportedType`, `TooLarge` or `Invalid` with the pointer `where`.
    """
    try:
        other = other_kind(source)
        with Image.open(source, formats=ACCEPTED) as image:
            _refuse_other(other, name, where)
            if image.width * image.height > limits.photo_pixels:
                pixels = f"{image.width} x {image.height} pixels"
                detail = f"{name} has {pixels}; at most {limits.photo_pixels} in all are accepted"
                raise _invalid(where, detail, "photo_too_many_pixels")
            if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
                raise _unsupported(where, f"{name} is animated; send a still photo")
            facts = _encode(image, source, out)
        _refuse_other(other_kind(out), name, where)
        return facts
    except UnidentifiedImageError as error:
        raise _unsupported(
            where, f"{name} is not a JPEG, PNG, WebP{', HEIC' if _HEIC else ''} or AVIF photo"
        ) from error
    except CmsError:
        raise
    except Exception as error:  # as in `look_at`
        raise _invalid(
            where, f"{name} is damaged; export it again from the camera or editor", "photo_damaged"
        ) from error


def _refuse_other(kind: str | None, name: str, where: str) -> None:
    if kind is not None:
        raise _unsupported(where, f"{name} is a photo and a {kind} at once; export it again")


def _encode(image: ImageFile, source: BinaryIO, out: BinaryIO) -> Facts:
    kind = _format(image)
    shown = photo_pixels.shown(image)
    options = _options(image, kind, source)
    told = photo_place.is_told(image, source), *photo_metadata.owners(image)
    if shown is not image:
        image.close()  # of 64 megapixels, it takes 256 MB
    plain = _in_mode_of(kind, photo_pixels.to_srgb(shown))
    transparency = plain.info.get("transparency")
    plain.info = {} if transparency is None else {"transparency": transparency}
    plain.save(out, format=kind.upper(), **options)
    return Facts(kind, plain.width, plain.height, *told)


def _in_mode_of(kind: str, image: Image.Image) -> Image.Image:
    """Return the image in a mode that files of this kind can have."""
    if kind == "jpeg" and image.mode not in ("RGB", "L"):
        return image.convert("RGB")
    if kind in ("webp", "avif") and image.mode not in ("RGB", "RGBA"):
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


def _options(image: Image.Image, kind: str, source: BinaryIO) -> dict[str, object]:
    """How it is saved; a JPEG is not coded more finely than it came, which would make it larger and no better."""
    tables = [table for _, table in sorted(getattr(image, "quantization", {}).items())]
    if kind == "jpeg" and tables and sum(tables[0]) > _JPEG_STEPS:
        own = {name: value for name, value in _SAVE[kind].items() if name != "quality"}
        return {**own, "qtables": tables, "subsampling": "4:2:0"}
    if kind == "webp" and _is_lossless(source):
        return _LOSSLESS
    return _SAVE[kind]


def _is_lossless(source: BinaryIO) -> bool:
    """Return whether the first pixels of a WebP are in a chunk VP8L (RFC 9649)."""
    source.seek(12)
    while len(header := source.read(8)) == 8:
        if header[:4] in (b"VP8 ", b"VP8L"):
            return header[:4] == b"VP8L"
        size = int.from_bytes(header[4:], "little")
        source.seek(size + size % 2, io.SEEK_CUR)
    return False


def _format(image: Image.Image) -> str:
    return "jpeg" if image.format in ("MPO", "HEIF") else str(image.format).lower()


def _invalid(where: str, detail: str, code: str) -> Invalid:
    return Invalid(detail, code=code, problems=[Problem(where, detail, code)])


def too_large(where: str, detail: str) -> TooLarge:
    return TooLarge(detail, code="photo_too_large", problems=[Problem(where, detail, "photo_too_large")])


def _unsupported(where: str, detail: str) -> UnsupportedType:
    return UnsupportedType(detail, code="photo_type", problems=[Problem(where, detail, "photo_type")])
