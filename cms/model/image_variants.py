"""The variants of a photo as the API shows them: those that were made, and those that cannot be made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cms.model.variant_sizes import Kind, Reason, height_at, obstacle, wanted

NOTHING = '{"placeholder": null, "colour": null, "variants": []}'
"""The rendition of a photo that has none, or none yet."""

NO_AVIF = "[]"
_MOVING = ("gif", "webp", "png", "avif")
"""Formats in which a photo may be animated."""


class Photo(NamedTuple):
    """The address at which the public fetches the photo, and the facts of its header; `width` and `height` are
    None for no picture."""

    url: str
    width: int | None
    height: int | None
    format: str


def shown(photo: Photo | None, folder: str, rendition: str | None, avif: str | None) -> dict[str, Any]:
    """Return the members of an image's JSON that tell of its variants, whose URLs begin with `folder`.

    `rendition` and `avif` are JSON as `Image` has them, None until they are made; a variant whose name is not that of
    its width has it at its end.
    """
    made = json.loads(rendition or NOTHING)
    sizes: dict[Kind, list[list[Any]]] = {"webp": made["variants"], "avif": json.loads(avif or NO_AVIF)}
    variants = [
        {
            "url": f"{folder}/{(*name, f'{width}.{kind}')[0]}",
            "width": width,
            "height": height,
            "bytes": size,
            "format": kind,
        }
        for kind, found in sizes.items()
        for width, height, size, *name in found
    ]
    is_made: dict[Kind, bool] = {"webp": rendition is not None, "avif": avif is not None}
    missing = [
        {"width": width, "format": kind, "reason": reason}
        for kind, found in sizes.items()
        if photo is not None and is_made[kind]
        for width, reason in _missing(photo, kind, {one[0] for one in found}, made)
    ]
    return {
        "placeholder": made["placeholder"],
        "colour": made["colour"],
        "variants": variants,
        "variants_missing": missing,
        "srcset": _srcset(photo, variants, missing),
        "srcset_avif": _srcset_avif(variants, missing),
    }


def _missing(photo: Photo, kind: Kind, made: set[int], rendition: dict[str, Any]) -> Iterator[tuple[int, Reason]]:
    """Yield the widths that are wanted and not among those made, and why; `rendition` is that of the photo's WebP."""
    if photo.width is None or photo.height is None:
        return
    is_animated = not rendition["variants"] and photo.format in _MOVING
    for width in wanted(photo.width):
        if width in made:
            continue
        too_large = obstacle(kind, width, height_at(width, photo.height / photo.width))
        if rendition["placeholder"] is None:
            yield width, "unreadable"
        else:
            yield width, too_large or ("animated" if is_animated else "failed")


def _srcset(photo: Photo | None, variants: list[dict[str, Any]], missing: list[dict[str, Any]]) -> str | None:
    """Return the WebP variants ready for an `<img>`. Where wider ones cannot be made the photo itself is the widest,
    so that no page shows a small copy enlarged."""
    own = [f"{item['url']} {item['width']}w" for item in variants if item["format"] == "webp"]
    if own and photo is not None and _is_cut(variants, missing, "webp"):
        own.append(f"{photo.url} {photo.width}w")
    return ", ".join(own) or None


def _srcset_avif(variants: list[dict[str, Any]], missing: list[dict[str, Any]]) -> str | None:
    """Return the AVIF variants ready for a `<source>`; None where wider ones cannot be made, for a browser would choose
    from these alone."""
    own = [f"{item['url']} {item['width']}w" for item in variants if item["format"] == "avif"]
    return ", ".join(own) if own and not _is_cut(variants, missing, "avif") else None


def _is_cut(variants: list[dict[str, Any]], missing: list[dict[str, Any]], kind: Kind) -> bool:
    """Return whether the widest variant that is wanted is not among those made."""
    made, lost = (
        max((item["width"] for item in items if item["format"] == kind), default=0) for items in (variants, missing)
    )
    return lost > made
