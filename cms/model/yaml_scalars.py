"""What a plain YAML scalar means: null, a boolean, a number, a date, or its own text.

The rules are those of js-yaml 4.3 (default schema), because that is what the site's build reads; JavaScript's odd
dates (30 February is 2 March, year 25 is 1925) are part of them. Up to 4.1 it took `1_000` for a number, too.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_WORDS: dict[str, object] = dict.fromkeys(NULLS)
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}

_FIRST = frozenset("0123456789+-.")
_INT = re.compile(r"([-+]?)(?:0b([01]+)|0o([0-7]+)|0x([0-9A-Fa-f]+)|([0-9]+))")
_FLOAT = re.compile(
    r"[-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9]+(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ \t]+)"
    r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?"
    r"(?:[ \t]*(?:Z|([-+])([0-9]{1,2})(?::([0-9]{2}))?))?"
)
_MOST_DIGITS = 309
"""Of a finite number in base 10."""


def resolve(text: str) -> object:
    """The value of a plain scalar; raises `ValueError`, whose text says why, when JSON has no such value."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    if match := _INT.fullmatch(text):
        return _int(match)
    if _FLOAT.fullmatch(text):
        return _float(text)
    if match := _DATE.fullmatch(text):
        year, month, day = (int(part) for part in match.groups())
        return _day(year, month, day).date()
    if match := _TIMESTAMP.fullmatch(text):
        return _moment(match)
    return text


def is_int(text: str) -> bool:
    """Whether `!!int` may stand before this text."""
    return _INT.fullmatch(text) is not None


def is_float(text: str) -> bool:
    """Whether `!!float` may stand before this text."""
    return _FLOAT.fullmatch(text) is not None


def _int(match: re.Match[str]) -> int | str:
    """Return the number, or the text of one that is too large to be a number in JavaScript."""
    groups = match.groups()
    base = next(base for base, digits in zip((2, 8, 16, 10), groups[1:], strict=True) if digits)
    digits = next(digits for digits in groups[1:] if digits).lstrip("0") or "0"
    if base == 10 and len(digits) > _MOST_DIGITS:
        return match[0]
    value = int(digits, base)
    try:
        float(value)
    except OverflowError:
        return match[0]
    return -value if groups[0] == "-" else value


def _float(text: str) -> int | float | str:
    """Return the number, or the text of one that is too large to be a number in JavaScript."""
    if text[-1] in "fFnN":
        raise ValueError("JSON has no infinite number; put quotes around it to keep it as text")
    value = float(text)
    if not math.isfinite(value):
        return text
    # JavaScript has one kind of number: 1e3 is 1000, and -0.0 is written 0.
    return int(value) if value.is_integer() and abs(value) <= 2**53 else value


def _day(year: int, month: int, day: int) -> datetime:
    """As JavaScript's `Date.UTC`: months and days outside their range roll over."""
    year += 1900 if year < 100 else 0
    years, month_index = divmod(month - 1, 12)
    try:
        return datetime(year + years, month_index + 1, 1, tzinfo=UTC) + timedelta(days=day - 1)
    except (OverflowError, ValueError) as exc:
        raise ValueError("the date is out of range") from exc


def _moment(match: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, zone_hours, zone_minutes = match.groups()[6:]
    clock = timedelta(hours=hour, minutes=minute, seconds=second)
    clock += timedelta(milliseconds=int((fraction or "")[:3].ljust(3, "0")))
    zone = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    try:
        return _day(year, month, day) + clock + (zone if sign == "-" else -zone)
    except OverflowError as exc:
        raise ValueError("the date is out of range") from exc
