"""Smaller copies of a photo for pages: WebP and AVIF at several widths, a tiny placeholder, and the colour there is
most of."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from PIL import Image

from cms.model.photo import READ
from cms.model.photo_pixels import shown, shown_size, to_srgb

WIDTHS = (320, 640, 960, 1280, 1920)
Kind = Literal["webp", "avif"]
Variants = tuple[tuple[int, int, int], ...]
"""Triples of width and height in pixels and size in bytes, smallest first."""

_SAVE: dict[Kind, dict[str, int]] = {"webp": {"quality": 80, "method": 4}, "avif": {"quality": 50, "speed": 6}}
_PLACEHOLDER_WIDTH = 24
_COLOURS = 8


@dataclass(frozen=True, slots=True)
class Rendition:
    """`colour` is `#rrggbb`, None when the photo is wholly transparent; `placeholder` is a data URI."""

    placeholder: str
    colour: str | None
    variants: Variants


def name_of(width: int, kind: Kind) -> str:
    return f"{width}.{kind}"


def render(source: BinaryIO, folder: Path, kind: Kind) -> Rendition:
    """Write the variants into the folder, none wider than the photo; raises what Pillow raises for a broken one."""
    with Image.open(source, formats=READ) as image:
        width, height = shown_size(image)
        is_still = getattr(image, "n_frames", 1) == 1 or image.format == "MPO"
        widths = [wanted for wanted in WIDTHS if wanted <= width and is_still]
        largest = widths[-1] if widths else min(width, WIDTHS[0])
        # JPEG is decoded at a half, a quarter or an eighth of its size where that is enough.
        image.draft("RGB", (math.ceil(image.width * largest / width), math.ceil(image.height * largest / width)))
        current = _coloured(to_srgb(_narrowed(_smooth(shown(image)), largest, height / width)))
    made: list[tuple[int, int, int]] = []
    for wanted in reversed(widths):
        current = _narrowed(current, wanted, height / width)
        path = folder / name_of(wanted, kind)
        current.save(path, kind.upper(), **_SAVE[kind])
        made.append((*current.size, path.stat().st_size))
    return Rendition(_placeholder(current, height / width), _colour(current), tuple(reversed(made)))


def _smooth(image: Image.Image) -> Image.Image:
    """Return the image in a mode whose pixels can be mixed."""
    if image.mode == "P":
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image.convert("L") if image.mode == "1" else image


def _coloured(image: Image.Image) -> Image.Image:
    """Return the image in mode RGB or RGBA."""
    return image if image.mode in ("RGB", "RGBA") else image.convert("RGBA" if image.mode == "LA" else "RGB")


def _narrowed(image: Image.Image, width: int, ratio: float) -> Image.Image:
    size = (width, max(1, round(width * ratio)))
    if image.width <= width:
        return image
    made = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    made.info = {name: value for name, value in image.info.items() if name == "icc_profile"}
    return made


def _placeholder(image: Image.Image, ratio: float) -> str:
    out = io.BytesIO()
    _narrowed(image, _PLACEHOLDER_WIDTH, ratio).save(out, "WEBP", quality=40, method=6)
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
