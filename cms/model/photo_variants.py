"""Smaller copies of a photo for pages: WebP and AVIF at several widths, a tiny placeholder, and the colour there is
most of."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image
from PIL.ExifTags import Base

from cms.model.photo import READ
from cms.model.photo_pixels import UPRIGHT, orientation, shown, shown_size, to_srgb
from cms.model.variant_sizes import WIDTHS, Kind, height_at, obstacle, wanted

Variants = tuple[tuple[int, int, int], ...]
"""Triples of width and height in pixels and size in bytes, smallest first."""

_SAVE: dict[Kind, dict[str, int]] = {"webp": {"quality": 80, "method": 4}, "avif": {"quality": 50, "speed": 6}}
_PLACEHOLDER = (24, 96)
"""Its largest width and height in pixels."""
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Rendition:
    """`colour` is `#rrggbb`, None when the photo is wholly transparent; `placeholder` is a data URI."""

    placeholder: str
    colour: str | None
    variants: Variants


def name_of(width: int, kind: Kind) -> str:
    return f"{width}.{kind}"


def looks_as_before(source: BinaryIO) -> bool:
    """Return whether the first version of `render` gave the photo's variants the same look.

    It did to what is opaque, has no profile of palette or grey, and is turned by EXIF as browsers turn it.
    """
    try:
        with Image.open(source, formats=READ) as image:
            turned = orientation(image)
            is_plain = image.mode in ("RGB", "CMYK") or (
                image.mode in ("1", "L", "P") and "icc_profile" not in image.info
            )
            return (
                is_plain
                and not image.has_transparency_data
                and image.getexif().get(Base.Orientation, UPRIGHT) == turned
            )
    except Exception:  # Pillow's decoders raise errors of many classes
        return False


def render(source: BinaryIO, folder: Path, kind: Kind, widest: int = WIDTHS[-1]) -> Rendition:
    """Write the variants into the folder, none wider than the photo or than `widest`. A width that cannot be made is
    left out. Raises what Pillow raises for a broken photo."""
    with Image.open(source, formats=READ) as image:
        width, height = shown_size(image)
        ratio = height / width
        is_still = getattr(image, "n_frames", 1) == 1 or image.format == "MPO"
        widths = [
            one for one in wanted(min(width, widest)) if is_still and obstacle(kind, one, height_at(one, ratio)) is None
        ]
        largest = widths[-1] if widths else min(width, WIDTHS[0])
        # JPEG is decoded at a half, a quarter or an eighth of its size where that is enough.
        image.draft("RGB", (math.ceil(image.width * largest / width), math.ceil(image.height * largest / width)))
        current = _coloured(to_srgb(_narrowed(_smooth(shown(image)), largest, ratio)))
    made: list[tuple[int, int, int]] = []
    for one in reversed(widths):
        current = _narrowed(current, one, ratio)
        size = _save(current, folder / name_of(one, kind), kind)
        if size is not None:
            made.append((*current.size, size))
    return Rendition(_placeholder(current), _colour(current), tuple(reversed(made)))


def _save(image: Image.Image, path: Path, kind: Kind) -> int | None:
    """Write the variant and return its size in bytes; None when the encoder fails."""
    try:
        image.save(path, kind.upper(), **_SAVE[kind])
    except Exception:  # encoders raise errors of many classes
        return None
    return path.stat().st_size


def _smooth(image: Image.Image) -> Image.Image:
    """Return the image in a mode whose pixels can be mixed."""
    if image.mode == "P":
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _coloured(image: Image.Image) -> Image.Image:
    """Return the image in mode RGB or RGBA."""
    return image if image.mode in ("RGB", "RGBA") else image.convert("RGBA" if image.mode == "LA" else "RGB")


def _narrowed(image: Image.Image, width: int, ratio: float) -> Image.Image:
    size = (width, height_at(width, ratio))
    if image.width <= width:
        return image
    made = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    made.info = {name: value for name, value in image.info.items() if name == "icc_profile"}
    return made


def _placeholder(image: Image.Image) -> str:
    scale = min(1, *(most / side for most, side in zip(_PLACEHOLDER, image.size, strict=True)))
    width, height = (max(1, round(side * scale)) for side in image.size)
    out = io.BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0).save(out, "WEBP", quality=40, method=6)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


def _colour(image: Image.Image) -> str | None:
    """Return the colour that there is most of where the image is about as opaque as anywhere, None when nowhere."""
    few = image.convert("RGBA").resize((32, 32)).tobytes()
    opaque = max(few[3::4])
    if not opaque:
        return None
    pixels = b"".join(few[start : start + 3] for start in range(0, len(few), 4) if few[start + 3] * 2 >= opaque)
    reduced = Image.frombytes("RGB", (len(pixels) // 3, 1), pixels).quantize(_COLOURS)
    counted = reduced.histogram()
    most = counted.index(max(counted))
    palette = reduced.getpalette() or [0, 0, 0]
    return "#" + bytes(palette[most * 3 : most * 3 + 3]).hex()
