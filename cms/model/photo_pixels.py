"""A photo's pixels as a browser shows them: upright, in sRGB, 8 bits a channel, transparent where the file says so.

Everything that reads the pixels of a photo does so through `shown` and `to_srgb`.
"""

from __future__ import annotations

import io

from PIL import Image, ImageCms
from PIL.ExifTags import Base
from PIL.ImageFile import ImageFile

UPRIGHT = 1
_SIDEWAYS = (5, 6, 7, 8)
_METHODS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = ("JPEG", "MPO", "PNG", "AVIF")
"""Formats that browsers turn by EXIF, or by the boxes irot and imir, which Pillow tells as EXIF. No browser turns WebP.
Of the others, Pillow turns TIFF and pillow-heif HEIC when they decode."""

_BYTES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")
_SCALES = {"L;2": 85, "L;4": 17}
"""What the decoder multiplies the levels of a PNG with 2 or 4 bits by."""


def orientation(image: Image.Image) -> int:
    """Return how a browser turns the image, from 1 to 8 as in EXIF; to be called before the pixels are loaded.

    Browsers ignore XMP, and what a PNG has behind its pixels.
    """
    exif = (image.info.get("exif") or b"").removeprefix(b"Exif\0\0")  # pillow-heif says None where there is none
    if image.format not in _TURNED or exif[:2] not in (b"II", b"MM"):
        return UPRIGHT
    directory = Image.Exif()
    directory.load(exif)
    value = directory.get(Base.Orientation)
    return value if value in _METHODS else UPRIGHT


def shown_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height upright, in pixels; to be called before the pixels are loaded."""
    width, height = image.size
    return (height, width) if orientation(image) in _SIDEWAYS else (width, height)


def shown(image: ImageFile) -> Image.Image:
    """Load the image and return it upright, in mode 1, L, LA, P, RGB, RGBA or CMYK, with its colour profile."""
    method = _METHODS.get(orientation(image))
    coded = str(image.tile[0].args) if image.format == "PNG" and image.tile else ""
    image.load()
    upright = _in_bytes(image, coded)
    return upright if method is None else upright.transpose(method)


def _in_bytes(image: Image.Image, coded: str) -> Image.Image:
    """Return it in one of the modes; `coded` is the mode of a PNG's pixels in its file."""
    if image.mode.startswith("I;16"):
        return _in_8_bits(image)
    if coded == "LA;16B":
        return image.convert("LA")
    if "transparency" in image.info and image.mode in ("1", "L", "RGB"):
        image.info["transparency"] = _key(image.info["transparency"], coded)
        return image.convert("RGBA" if image.mode == "RGB" else "LA")
    if image.mode in _BYTES:
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _key(key: int | tuple[int, ...], coded: str) -> int | tuple[int, ...]:
    """Return the level, or the colour, that is transparent, in 8 bits; of 16 bits, the decoder keeps the upper 8."""
    if isinstance(key, tuple):
        return tuple(value >> 8 if coded == "RGB;16B" else value & 255 for value in key)
    return key * _SCALES.get(coded, 1) & 255


def _in_8_bits(image: Image.Image) -> Image.Image:
    """Return grey of 16 bits in 8, already in sRGB: the profile is applied while the levels are still fine."""
    key, curve = image.info.pop("transparency", None), bytes(range(256))
    if profile := image.info.pop("icc_profile", None):
        curve = _curve(profile) or curve
    levels = [*curve, curve[-1]]
    table = [levels[v >> 8] + (levels[(v >> 8) + 1] - levels[v >> 8]) * (v & 255) // 256 for v in range(65536)]
    wide = image.convert("I")
    grey = wide.point(table, "L")
    if key is not None:
        grey.putalpha(wide.point([255 * (value != key) for value in range(65536)], "L"))
    return grey


def to_srgb(image: Image.Image) -> Image.Image:
    """Return the colours that the image's profile means; those of one that is broken, or of another kind, as sRGB."""
    profile = image.info.pop("icc_profile", None)
    if not profile:
        return image
    if image.mode in ("L", "LA"):
        curve = _curve(profile)
        return image if curve is None else image.point(curve + bytes(range(256)) * (image.mode == "LA"))
    if image.mode == "P":
        palette = Image.frombytes("RGB", (len(colours := image.getpalette() or []) // 3, 1), bytes(colours))
        if (converted := _converted(palette, profile, "RGB")) is not None:
            image.putpalette(converted.tobytes())
        return image
    return _converted(image, profile, "RGBA" if image.mode == "RGBA" else "RGB") or image


def _curve(profile: bytes) -> bytes | None:
    """Return for each of 256 levels of a grey profile the one in sRGB."""
    levels = _converted(Image.frombytes("L", (256, 1), bytes(range(256))), profile, "RGB")
    return None if levels is None else levels.getchannel("G").tobytes()


def _converted(image: Image.Image, profile: bytes, mode: str) -> Image.Image | None:
    """Return the image in sRGB; None when the profile is broken or of another kind."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError):
        return None
