"""Which items of a list differ from another list's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from cms.model.bounded_matcher import BoundedMatcher
from cms.model.yaml_values import is_same

MOST_COMPARED: Final = 10_000
"""Pairs of items that are compared for likeness in one place of a list; where there are more, they pair in order."""


@dataclass(frozen=True, slots=True)
class Step:
    """`old` and `new` are indices: an item set to another value, deleted, or inserted before the old one."""

    kind: Literal["set", "delete", "insert"]
    old: int
    new: int


def steps(old: list[object], new: list[object]) -> Iterator[Step]:
    """Yield what turns `old` into `new`, item by item; items that are the same in both are left alone.

    Of those that differ, an item takes the place of the one that it is like: which has entries or items in common.
    """
    matcher = BoundedMatcher(list(map(_canonical, old)), list(map(_canonical, new)), autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        was, is_now = old_start, new_start
        for one, other in _alike(old[old_start:old_end], new[new_start:new_end]):
            yield from _in_order(was, old_start + one, is_now, new_start + other)
            yield Step("set", old_start + one, new_start + other)
            was, is_now = old_start + one + 1, new_start + other + 1
        yield from _in_order(was, old_end, is_now, new_end)


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
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    alike = [[_likeness(one, other) for other in new] for one in old]
    for number in range(min(len(old), len(new))):  # of those that are equally alike, those in the same place
        alike[number][number] += 0.001 if alike[number][number] else 0
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


def _likeness(one: object, other: object) -> float:
    """How much of two mappings or lists is the same; that they are of one kind, or share a key, counts a bit."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = one.keys() & other.keys()
        return sum(1 if is_same(one[key], other[key]) else 0.1 for key in shared) / max(len(one), len(other), 1) + 0.01
    if isinstance(one, list) and isinstance(other, list):
        first, second = set(map(_canonical, one)), set(map(_canonical, other))
        return len(first & second) / max(len(first), len(second), 1) + 0.01
    return 0


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=_tagged)


def _tagged(value: object) -> object:
    assert isinstance(value, date)
    return {type(value).__name__: value.isoformat()}
