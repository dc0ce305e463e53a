"""Which smaller copies of a photo are wanted, and which of them cannot be made: arithmetic alone."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["webp", "avif"]
Reason = Literal["too_high", "too_many_pixels", "animated", "unreadable", "failed"]
"""Why a variant cannot be made: the format has no such height, encoding takes too long, the photo is animated or cannot
be decoded, or the encoder failed or took too much time or memory."""

WIDTHS = (320, 640, 960, 1280, 1920)


class Limit(NamedTuple):
    """The size of the largest variant: a side in pixels, and pixels in all."""

    side: int
    pixels: int


LIMITS: dict[Kind, Limit] = {"webp": Limit(16_383, 32_000_000), "avif": Limit(32_768, 24_000_000)}
"""A side in WebP has 14 bits. AVIF can have larger ones than this, but libavif, and so Chromium, does not decode them;
it is encoded at about a megapixel a second."""


def wanted(width: int) -> tuple[int, ...]:
    """Return the widths of the variants of a photo so wide, smallest first."""
    return tuple(one for one in WIDTHS if one <= width)


def height_at(width: int, ratio: float) -> int:
    """Return the height of the variant of that width, where the photo's height is `ratio` times its width."""
    return max(1, round(width * ratio))


def obstacle(kind: Kind, width: int, height: int) -> Reason | None:
    """Return why a variant of that size cannot be made, as far as its size tells."""
    most = LIMITS[kind]
    if max(width, height) > most.side:
        return "too_high"
    return "too_many_pixels" if width * height > most.pixels else None
