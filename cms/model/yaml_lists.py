"""Which items of a list differ from another list's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import Final, Literal

from cms.model.bounded_matcher import BoundedMatcher
from cms.model.yaml_values import is_same

MOST_COMPARED: Final = 10_000
"""Pairs of items that are compared for likeness in one place of a list; where there are more, they pair in order."""
_WHOLE: Final = 10_000
"""What one value that two items have in common counts, or that they are the same."""


@dataclass(frozen=True, slots=True)
class Step:
    """`old` and `new` are indices: an item set to another value, deleted, or inserted before the old one."""

    kind: Literal["set", "delete", "insert"]
    old: int
    new: int


def steps(old: list[object], new: list[object]) -> Iterator[Step]:
    """Yield what turns `old` into `new`, item by item; items that are the same in both are left alone.

    Of the ways to do so it is one that keeps most: an item takes the place of the one with which it has most values in
    common.
    """
    for old_start, old_end, new_start, new_end in _differing(old, new):
        was, is_now = old_start, new_start
        for one, other in _alike(old[old_start:old_end], new[new_start:new_end]):
            yield from _in_order(was, old_start + one, is_now, new_start + other)
            was, is_now = old_start + one + 1, new_start + other + 1
            if not is_same(old[was - 1], new[is_now - 1]):
                yield Step("set", was - 1, is_now - 1)
        yield from _in_order(was, old_end, is_now, new_end)


def _differing(old: list[object], new: list[object]) -> Iterator[tuple[int, int, int, int]]:
    """Yield the spans of both lists that are to be compared: all between equal heads and tails, or parts of that."""
    shorter = min(len(old), len(new))
    head = next((at for at in range(shorter) if not is_same(old[at], new[at])), shorter)
    shorter -= head
    tail = next((at for at in range(shorter) if not is_same(old[-1 - at], new[-1 - at])), shorter)
    one, other = old[head : len(old) - tail], new[head : len(new) - tail]
    if len(one) * len(other) <= MOST_COMPARED:
        yield head, head + len(one), head, head + len(other)
        return
    matcher = BoundedMatcher(list(map(_canonical, one)), list(map(_canonical, other)), autojunk=False)
    for tag, *span in matcher.get_opcodes():
        if tag != "equal":
            old_start, old_end, new_start, new_end = (head + at for at in span)
            yield old_start, old_end, new_start, new_end


def _in_order(old_start: int, old_end: int, new_start: int, new_end: int) -> Iterator[Step]:
    """Yield steps that set one item after the other, and delete or insert what is left."""
    paired = min(old_end - old_start, new_end - new_start)
    for number in range(paired):
        yield Step("set", old_start + number, new_start + number)
    for number in range(old_start + paired, old_end):
        yield Step("delete", number, new_end)
    for number in range(new_start + paired, new_end):
        yield Step("insert", old_start + paired, number)


def _alike(old: list[object], new: list[object]) -> list[tuple[int, int]]:
    """The pairs of items, in the order of both lists, that together have most in common."""
    if len(old) == len(new) == 1 or len(old) * len(new) > MOST_COMPARED:
        return []
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    alike = _likenesses(old, new)
    for one in reversed(range(len(old))):
        for other in reversed(range(len(new))):
            both = alike[one][other] and alike[one][other] + best[one + 1][other + 1]
            best[one][other] = max(both, best[one + 1][other], best[one][other + 1])
    pairs, one, other = [], 0, 0
    while one < len(old) and other < len(new):
        if alike[one][other] and best[one][other] == alike[one][other] + best[one + 1][other + 1]:
            pairs.append((one, other))
            one, other = one + 1, other + 1
        elif best[one][other] == best[one + 1][other]:
            one += 1
        else:
            other += 1
    return pairs


def _likenesses(old: list[object], new: list[object]) -> list[list[int]]:
    """Return how much each item of the one list has in common with each of the other, positive where it has anything.

    Of those that have as much, items count a bit more that have little else, and those in the same place.
    """
    old_marks, new_marks = [set(_marks(item)) for item in old], [set(_marks(item)) for item in new]
    found = []
    for at, (one, one_marks) in enumerate(zip(old, old_marks, strict=True)):
        row = []
        for other_at, (other, other_marks) in enumerate(zip(new, new_marks, strict=True)):
            if one_marks.isdisjoint(other_marks):
                row.append(0)
                continue
            both = one_marks & other_marks
            is_whole = one_marks == other_marks and is_same(one, other)
            others = min(len(one_marks) + len(other_marks) - 2 * len(both), 40)
            likeness = sum(map(itemgetter(0), both)) + is_whole * _WHOLE - 2 * others + (at == other_at)
            row.append(likeness)
        found.append(row)
    return found


def _marks(value: object, keys: tuple[str, ...] = ()) -> Iterator[tuple[int, tuple[str, ...], str]]:
    """Yield what two items may have in common, and its weight: each value below its keys, and a bit for each key."""
    if isinstance(value, dict):
        yield 100, keys, "mapping"
        for key, item in value.items():
            yield 1_000, (*keys, key), ""
            yield from _marks(item, (*keys, key))
    elif isinstance(value, list):
        yield 100, keys, "list"
        for item in value:
            yield from _marks(item, keys)
    else:
        yield _WHOLE, keys, _canonical(value)


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=_tagged)


def _tagged(value: object) -> object:
    assert isinstance(value, date)
    return {type(value).__name__: value.isoformat()}
