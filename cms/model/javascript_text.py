"""Texts of values as JavaScript's `String()` writes them, which Astro uses where it expects a text and finds none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

_MOST_DIGITS = 21  # before JavaScript writes an exponent
_MOST_ZEROS = 6  # between the point and the first digit


def text_of(value: object) -> str:
    """Return the text of a front matter value.

    Raises `ValueError`, whose text says why, for a date, which JavaScript writes in the time zone of the machine, and
    for a mapping that has no text.
    """
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _number(float(value))
    if isinstance(value, list):
        return ",".join("" if item is None else text_of(item) for item in value)
    if isinstance(value, Mapping) and "toString" not in value:
        return "[object Object]"
    kind = "a date" if isinstance(value, date) else "a value that has no text"
    raise ValueError(f"the site would make a text of {kind}; put quotes around it")


def _number(value: float) -> str:
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    point = len(text) + exponent
    if point > _MOST_DIGITS or point <= -_MOST_ZEROS:
        fraction = f".{text[1:]}" if len(text) > 1 else ""
        text = f"{text[0]}{fraction}e{point - 1:+d}"
    elif point <= 0:
        text = "0." + "0" * -point + text
    elif point >= len(text):
        text = text.ljust(point, "0")
    else:
        text = f"{text[:point]}.{text[point:]}"
    return "-" * sign + text
