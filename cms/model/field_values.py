"""The values of an article's fields, as they are compared, and what a filter's text stands for."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cms.model.field import Field, Kind, Op, field_named, has_short_name
from cms.model.js_date import DAY_MS, JsDate, read_date
from cms.model.pointer import Where, pointer
from cms.model.schema import to_date

NOWHERE = -1
"""The position of no value."""

HEAD = 200
"""Lists are sorted by the first characters of a text, so many: indexes and cursors hold no more of it."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field. `number` is set for numbers, booleans and dates (in milliseconds since 1970), `text` for
    all else, and besides for a date that is written as a text or a number."""

    field: str
    position: int
    text: str | None
    number: float | None


def values_of(
    data: Mapping[str, Any], fields: Mapping[str, Field] | None = None, dates: Collection[str] = ()
) -> list[Value]:
    """Return every value of front matter in its JSON form, in which the values at the pointers `dates` are dates, and
    one at `NOWHERE` for each of the `fields` by whose first value the article cannot be sorted, for there is none."""
    known = fields or {}
    counted: dict[str, int] = {}
    values: list[Value] = []
    for name, where, value in leaves(data):
        if not has_short_name(name):
            continue
        position = counted.get(name, 0)
        counted[name] = position + 1
        field = field_named(known, name)
        is_own = field is not None and "date" in field.kinds and pointer(*where) in dates
        values.append(Value(name, position, *_compared(value, field, is_date=is_own)))
    first = {value.field: value for value in values if value.position == 0}
    missing = (field.name for field in known.values() if field.is_sortable and _is_missing(first, field))
    return [*values, *(Value(name, NOWHERE, None, None) for name in missing)]


def leaves(value: Any, name: str = "", where: Where = ()) -> Iterator[tuple[str, Where, str | float]]:
    """Each value that holds no others, after its field's name and the keys that lead to it."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{name}.{key}" if name else key, (*where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, name, (*where, index))
    elif value is not None:
        yield name, where, value


def comparable(text: str) -> str:
    """Text as it is compared: without case and Unicode form."""
    return unicodedata.normalize("NFC", text).casefold()


def parse(field: Field, op: Op, text: str) -> tuple[str | float, ...]:
    """Return what a filter's text stands for in this field: a number, a date's milliseconds, a text, or several of
    these, where any may fit. Raises ValueError that says what to write."""
    if op == "contains" and not field.is_list:
        return (comparable(text),) if "text" in field.kinds else _day(text)
    found: list[str | float] = [*_numbers(field, text)]
    is_word = "boolean" in field.kinds and text in ("true", "false")
    if field.kinds == {"boolean"} and is_word:
        found.append(float(text == "true"))
    elif "text" in field.kinds or is_word:
        found.append(comparable(text))
    if not found:
        raise ValueError(_hint(field))
    return tuple(found) if op in ("eq", "ne", "in", "contains") else (found[0],)


def _hint(field: Field) -> str:
    if "date" in field.kinds:
        return "write a date as in 2025-06-24"
    return "write a number that is not infinite" if "number" in field.kinds else "write true or false"


def _numbers(field: Field, text: str) -> Iterator[float]:
    number = _number(text)
    if "number" in field.kinds and number is not None:
        yield number
    if "date" in field.kinds:
        date = _date_in(text, field)
        if date is None and number is not None and "number" not in field.kinds:
            date = read_date(number)
        if date is not None:
            yield float(date.ms)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _day(text: str) -> tuple[float, float]:
    """Return the first and the last millisecond of the day that the text names, or twice the moment that it names."""
    date = read_date(text)
    if date is None:
        raise ValueError("write a date as in 2025-06-24")
    return float(date.ms), float(date.ms + (DAY_MS - 1 if date.is_day else 0))


def _compared(value: str | float, field: Field | None, *, is_date: bool) -> tuple[str | None, float | None]:
    """Return the text and the number by which a value is compared; `is_date` tells a date from a text of its form."""
    kinds: frozenset[Kind] = frozenset() if field is None else field.kinds
    date = None
    if field is not None and "date" in kinds:
        date = read_date(value) if is_date else _date_in(value, field)
    if date is not None:
        return None if is_date else comparable(str(value)), float(date.ms)
    if isinstance(value, bool) and len(kinds) > 1:
        return str(value).lower(), None
    return (None, float(value)) if isinstance(value, int | float) else (comparable(value), None)


def _date_in(value: str | float, field: Field) -> JsDate | None:
    """Return the date that a value is which is written as none; where texts may stand, too, only ISO's form is one."""
    if isinstance(value, str):
        return None if "text" in field.kinds and isinstance(to_date(value), str) else read_date(value)
    return None if "number" in field.kinds else read_date(value)


def _is_missing(first: Mapping[str, Value], field: Field) -> bool:
    value = first.get(field.name)
    return value is None or all(getattr(value, column) is None for column in field.columns)
