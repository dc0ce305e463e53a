"""Dates as the site's build reads them: what JavaScript's `new Date(value)` makes of a text or a number.

ISO 8601 comes first. Other texts, like `Jul 08 2022` or `2024/03/01`, go by the rules of V8, the engine of Node. A time
without an offset is local time to JavaScript; here it is in UTC, as on a build machine whose time zone is UTC.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cms.model.js_date_tokens import END, Token, Tokens, tokens_of

MAX_MS: Final = 8_640_000_000_000_000
"""The last moment that JavaScript has, in milliseconds after 1970; the first is as long before."""

DAY_MS: Final = 86_400_000

_ISO_TIME = re.compile(r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(?:([zZ])|([-+])([0-9]{2}):?([0-9]{2}))?")
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
_HALVES = {"am": 0, "pm": 12}
_ZONES = {"ut": 0, "utc": 0, "z": 0, "gmt": 0, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6}
_ZONES |= {"pst": -8, "pdt": -7}
_CLOCK_LIMITS = (23, 59, 59, 999)


class JsDate(NamedTuple):
    """A moment in milliseconds since 1970, UTC; `is_day` when the value names a day and neither time nor offset."""

    ms: int
    is_day: bool


def read_date(value: object) -> JsDate | None:
    """Return what `new Date(value)` is for a text or a number, None for an invalid date and for all other values."""
    if isinstance(value, str):
        return _read_text(value.partition("\0")[0])
    if isinstance(value, bool) or not isinstance(value, int | float) or not -MAX_MS <= value <= MAX_MS:
        return None
    return JsDate(int(value), False)


@dataclass(slots=True)
class _Parts:
    """What a text has said so far: up to three numbers of a day, up to four of a clock, and an offset."""

    day: list[int] = field(default_factory=list)
    month: int | None = None
    is_iso: bool = False
    clock: list[int] = field(default_factory=list)
    half: int | None = None
    sign: int | None = None
    hours: int | None = None
    minutes: int | None = None

    @property
    def is_utc(self) -> bool:
        return self.hours == 0 and self.minutes == 0

    def expects(self, number: int) -> bool:
        """Whether the number may go on in a clock that has begun."""
        return 0 < len(self.clock) < 4 and number <= _CLOCK_LIMITS[len(self.clock)]

    def set_zone(self, hours: int) -> None:
        self.sign, self.hours, self.minutes = -1 if hours < 0 else 1, abs(hours), 0

    def end_clock(self, *numbers: int) -> None:
        self.clock = [*self.clock, *numbers, 0, 0, 0][:4]


def _read_text(text: str) -> JsDate | None:
    tokens, parts = Tokens(list(tokens_of(text))), _Parts()
    is_read = _read_iso(text, tokens, parts)
    if is_read is None:
        is_read = _read_legacy(tokens, parts)
    days, clock_ms = _days(parts), _clock_ms(parts)
    if not is_read or days is None or clock_ms is None:
        return None
    offset_s = ((parts.hours or 0) * 3600 + (parts.minutes or 0) * 60) % 2**32
    ms = days * DAY_MS + clock_ms - (parts.sign or 0) * offset_s * 1000
    is_day = not parts.clock and parts.sign is None
    return JsDate(ms, is_day) if abs(ms) <= MAX_MS and offset_s < 2**31 else None


def _read_iso(text: str, tokens: Tokens, parts: _Parts) -> bool | None:
    """Read an ISO date; True for a whole one, False for an invalid one, None when the rest is of another format."""
    sign = -1 if tokens.peek.kind == "-" else 1
    if tokens.skip("-") or tokens.skip("+"):
        if not tokens.peek.is_number(6) or (tokens.take().number == 0 and sign < 0):
            return None
        tokens.position -= 1
    elif not tokens.peek.is_number(4):
        return None
    parts.day.append(sign * tokens.take().number)
    for last in (12, 31):
        if not tokens.skip("-"):
            break
        if not tokens.peek.is_number(2) or not 1 <= tokens.peek.number <= last:
            return None
        parts.day.append(tokens.take().number)
    if tokens.peek.text in ("t", "T"):
        parts.is_iso = _read_iso_time(text[tokens.peek.end :], parts)
        return parts.is_iso
    parts.is_iso = tokens.peek is END
    return True if parts.is_iso else None


def _read_iso_time(text: str, parts: _Parts) -> bool:
    match = _ISO_TIME.fullmatch(text)
    if match is None:
        return False
    fraction = Token("number", match[4] or "0", 0)
    hour, minute, second = (int(digits or 0) for digits in match.groups()[:3])
    parts.clock = [hour, minute, second, fraction.milliseconds]
    if match[5]:
        parts.set_zone(0)
    elif match[6]:
        parts.sign, parts.hours, parts.minutes = int(match[6] + "1"), int(match[7]), int(match[8])
    is_odd = hour == 24 and fraction.number > 0
    return not is_odd and (parts.hours or 0) <= 23 and (parts.minutes or 0) <= 59


def _read_legacy(tokens: Tokens, parts: _Parts) -> bool:
    has_number = bool(parts.day)
    while (token := tokens.take()) is not END:
        is_sign = token.kind in ("+", "-")
        if token.kind == "number":
            has_number, is_right = True, _read_number(token, tokens, parts)
        elif token.kind == "word":
            is_right = _read_word(token.text, has_number, tokens, parts)
        elif is_sign and (parts.is_utc or parts.clock):
            has_number, is_right = True, _read_offset(token.kind, tokens, parts)
        else:
            is_right = not has_number or not (is_sign or token.kind == ")")
        if not is_right:
            return False
    return True


def _read_number(token: Token, tokens: Tokens, parts: _Parts) -> bool:
    number = token.number
    if tokens.skip(":"):
        if tokens.skip(":"):
            is_first, parts.clock = not parts.clock, [number, 0]
            return is_first
        parts.clock.append(number)
        tokens.skip(".")
        return len(parts.clock) <= 4
    if tokens.peek.kind == "." and parts.expects(number):
        tokens.take()
        fraction = tokens.take()
        parts.end_clock(number, fraction.milliseconds if fraction.kind == "number" else 0)
        return fraction.kind == "number"
    if parts.hours is not None and parts.minutes is None and number <= 59:
        parts.minutes = number
    elif parts.expects(number):
        parts.end_clock(number)
        return tokens.peek.kind in ("end", "space", "+", "-") or tokens.peek.text in ("z", "Z")
    else:
        parts.day.append(number)
        tokens.skip(".")
        tokens.skip("-")
    return len(parts.day) <= 3


def _read_word(text: str, has_number: bool, tokens: Tokens, parts: _Parts) -> bool:
    """Take a name of a month, a half of the day or a zone; other words may only stand before the first number."""
    name = text[:3].lower() if text[:3].isascii() else ""
    is_whole = len(text) <= 3
    if name in _MONTHS:
        parts.month = _MONTHS[name]
        tokens.skip("-")
    elif is_whole and name in _HALVES and parts.clock:
        parts.half = _HALVES[name]
    elif is_whole and name in _ZONES and has_number:
        parts.set_zone(_ZONES[name])
    else:
        return not has_number and tokens.peek.kind != "number"
    return True


def _read_offset(sign: str, tokens: Tokens, parts: _Parts) -> bool:
    """Read `+7`, `+07`, `+07:` and minutes to come, `+0700` or `+700`; a sign alone is one of no length."""
    token = tokens.take() if tokens.peek.kind == "number" else END
    number, length = token.number, len(token.text)
    parts.sign = int(sign + "1")
    if tokens.peek.kind == ":":
        parts.hours, parts.minutes = number, None
    elif length in (1, 2):
        parts.hours, parts.minutes = number, 0
    elif length in (3, 4):
        parts.hours, parts.minutes = divmod(number, 100)
    else:
        return False
    return True


def _days(parts: _Parts) -> int | None:
    """Days since 1970 of the numbers in the order that their sizes tell; day 31 of a short month is in the next."""
    if not parts.day:
        return None
    first, second, third = [*parts.day, 1, 1][:3]
    begins_with_year = not 1 <= first <= 31
    if parts.month is not None:
        year, month, day = (first, parts.month, second) if begins_with_year else (second, parts.month, first)
    elif parts.is_iso or begins_with_year:
        year, month, day = first, second, third
    else:
        year, month, day = third, first, second
    if not parts.is_iso and 0 <= year <= 99:
        year += 2000 if year <= 49 else 1900
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    # Years that begin in March have their leap day at the end.
    shifted, months = (year, month - 3) if month > 2 else (year - 1, month + 9)
    leap_days = shifted // 4 - shifted // 100 + shifted // 400
    return shifted * 365 + leap_days + (153 * months + 2) // 5 + day - 1 - 719_468


def _clock_ms(parts: _Parts) -> int | None:
    hour, minute, second, ms = [*parts.clock, 0, 0, 0, 0][:4]
    if parts.half is not None:
        if hour > 12:
            return None
        hour = hour % 12 + parts.half
    is_right = all(number <= last for number, last in zip((hour, minute, second, ms), _CLOCK_LIMITS, strict=True))
    if not is_right and (hour, minute, second, ms) != (24, 0, 0, 0):
        return None
    return ((hour * 60 + minute) * 60 + second) * 1000 + ms
