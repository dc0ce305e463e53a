"""Finds the photos of which smaller copies cannot be made, and says what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from cms.actions.finding import Finding
from cms.database import images
from cms.model import ids
from cms.model.variant_sizes import LIMITS, Reason

_UNREADABLE = "cannot be read as a picture; export it again and replace it"
_WHY: dict[Reason, str] = {
    "too_high": f"WebP is at most {LIMITS['webp'].side} pixels high, AVIF {LIMITS['avif'].side}; cut the photo into"
    " parts, or make it less high",
    "too_many_pixels": f"AVIF of more than {LIMITS['avif'].pixels // 1_000_000} megapixels takes too long; cut the"
    " photo into parts, or make it less high",
    "animated": "it is animated; show a still photo or a video instead",
    "unreadable": "it cannot be decoded, or takes too much time or memory; export it again and replace it",
    "failed": "the encoder failed, or took too much time or memory; export the photo again and replace it",
}


def of_variants(tx: Connection) -> Iterator[Finding]:
    """Yield one warning for each photo without a readable header, and for each reason why it lacks variants."""
    for path in images.unreadable(tx):
        yield Finding("warning", ids.ASSETS + path, "", _UNREADABLE, "image_unreadable")
    for path, missing in images.lacking(tx):
        for reason, found in groupby(sorted(missing, key=_reason), _reason):
            if reason in ("animated", "unreadable"):
                detail, code = f"no smaller copies can be made: {_WHY[reason]}", "image_without_variants"
            else:
                named = ", ".join(f"{item['format']} {item['width']}" for item in found)
                detail, code = (
                    f"these smaller copies cannot be made ({named}): {_WHY[reason]}",
                    "image_variants_missing",
                )
            yield Finding("warning", ids.ASSETS + path, "", detail, code)


def _reason(missing: dict[str, Any]) -> Reason:
    reason: Reason = missing["reason"]
    return reason
