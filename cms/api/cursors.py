"""Cursors of lists: the place after which the next page begins, as clients are given it.

A cursor is opaque to them, and yet anything may come as one.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from cms.errors import Malformed
from cms.model.published import to_json

Kind = type | tuple[type, ...]
NUMBER = (int, float)


def encode(place: Sequence[str | float]) -> str:
    return base64.urlsafe_b64encode(to_json(list(place)).encode()).decode().rstrip("=")


def decode(text: str, kinds: Sequence[Kind]) -> list[Any]:
    """The place in the cursor, its values of these kinds; `Malformed` for anything that `encode` did not write."""
    try:
        place = json.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise foreign() from error
    if not isinstance(place, list) or len(place) != len(kinds) or not all(map(_fits, place, kinds)):
        raise foreign()
    return place


def foreign() -> Malformed:
    return Malformed("This cursor belongs to no such list; start again without one.", code="cursor")


def _fits(value: object, kind: Kind) -> bool:
    """Whether it is of the kind, and something that a database can compare with."""
    if isinstance(value, bool) or not isinstance(value, kind):
        return False
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    return isinstance(value, (int, float)) and abs(value) < 2**63
