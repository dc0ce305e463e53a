"""Which items of a list differ from another list's, and where a block list's items stand in the text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from cms.model.bounded_matcher import BoundedMatcher
from cms.model.yaml_tree import Sequence


@dataclass(frozen=True, slots=True)
class Step:
    """`old` and `new` are indices: an item set to another value, deleted, or inserted before the old one."""

    kind: Literal["set", "delete", "insert"]
    old: int
    new: int


def steps(old: list[object], new: list[object]) -> Iterator[Step]:
    """What turns `old` into `new`, item by item; items that are the same in both are left alone."""
    matcher = BoundedMatcher(list(map(_canonical, old)), list(map(_canonical, new)), autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            continue
        paired = min(old_end - old_start, new_end - new_start)
        for number in range(paired):
            yield Step("set", old_start + number, new_start + number)
        for number in range(old_start + paired, old_end):
            yield Step("delete", number, new_end)
        for number in range(new_start + paired, new_end):
            yield Step("insert", old_start + paired, number)


def dashes(raw: str, sequence: Sequence) -> list[int] | None:
    """Where each item's dash stands; None when they are not simply one below the other."""
    first = sequence.start
    line_start = max(raw.rfind("\n", 0, first), raw.rfind("\r", 0, first)) + 1
    column = first - line_start
    if raw[first : first + 1] != "-" or raw[line_start:first].strip(" "):
        return None
    dash = re.compile(rf"(?:^|(?<=[\r\n])) {{{column}}}-(?=[ \t\r\n]|\Z)")
    found = [first]
    for item in sequence.items[:-1]:
        match = dash.search(raw, item.end)
        if match is None:
            return None
        found.append(match.end() - 1)
    return found


def _canonical(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=_tagged)


def _tagged(value: object) -> object:
    assert isinstance(value, date)
    return {type(value).__name__: value.isoformat()}
