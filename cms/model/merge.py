"""Brings what an editor sends together with what the file says, so that untouched values keep their type.

JSON has no dates: a string meant for a date's place becomes a date again (`Revive`), and a value whose JSON form is
unchanged stays the value it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from cms.model.article import iso

Where = tuple[str | int, ...]
Revive = Callable[[Any, Where], Any]
"""Turns the JSON value for a place into the value to be written there."""


def merge_patch(old: Any, patch: Any, revive: Revive, where: Where = ()) -> Any:
    """`old` after the JSON merge patch (RFC 7396): null removes, objects merge, all else replaces."""
    if not isinstance(patch, Mapping):
        return carry_over(old, patch, revive, where)
    result = dict(old) if isinstance(old, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value, revive, (*where, name))
    return result


def carry_over(old: Any, new: Any, revive: Revive, where: Where = ()) -> Any:
    """The JSON value `new`, keeping what is the same in `old`."""
    if isinstance(new, Mapping):
        known = old if isinstance(old, Mapping) else {}
        return {name: carry_over(known.get(name), value, revive, (*where, name)) for name, value in new.items()}
    if isinstance(new, list):
        known_items = old if isinstance(old, list) else []
        padded = [*known_items, *([None] * len(new))]
        return [carry_over(padded[index], value, revive, (*where, index)) for index, value in enumerate(new)]
    if isinstance(old, date) and new == iso(old):
        return old
    return revive(new, where)
