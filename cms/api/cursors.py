"""Cursors of lists: the place after which the next page begins, as clients are given it.

A cursor is opaque to them, and yet anything may come as one.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from cms.errors import Malformed
from cms.model.published import to_json

Kind = type[str] | type[int] | type[float]
"""A text, a whole number as a column of 64 bits holds it, or any number as a column of floats holds it."""

TEXT_OR_NUMBER: Any = object
"""A text or any number."""

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def encode(place: Sequence[str | float]) -> str:
    return base64.urlsafe_b64encode(to_json(list(place)).encode()).decode().rstrip("=")


def decode(text: str, kinds: Sequence[Kind]) -> list[Any]:
    """The place in the cursor, its values of these kinds; `Malformed` for anything that `encode` did not write."""
    try:
        place = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise foreign() from error
    if not isinstance(place, list) or len(place) != len(kinds):
        raise foreign()
    return [_read(value, kind) for value, kind in zip(place, kinds, strict=True)]


def foreign() -> Malformed:
    return Malformed("This cursor belongs to no such list; start again without one.", code="cursor")


def _read(value: object, kind: Kind) -> str | int | float:
    """Return the value as the kind has it; raise `Malformed` for one that no database can compare with."""
    if kind in (str, TEXT_OR_NUMBER) and isinstance(value, str) and not _NO_TEXT.search(value):
        return value
    if kind is int and type(value) is int and abs(value) < 2**63:
        return value
    if kind in (float, TEXT_OR_NUMBER) and type(value) in (int, float) and abs(value) <= sys.float_info.max:  # type: ignore[arg-type]
        return float(value)  # type: ignore[arg-type]
    raise foreign()
