"""Brings what an editor sends together with what the file says, so that untouched values keep their type.

JSON has no dates: a string meant for a date's place becomes a date again (`Revive`), and a value whose JSON form is
unchanged stays the value it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from cms.model.article import json_value
from cms.model.pointer import Where

Revive = Callable[[Any, Where], Any]
"""Turns the JSON value for a place into the value to be written there."""


def merge_patch(old: Any, patch: Any, revive: Revive, where: Where = ()) -> Any:
    """`old` after the JSON merge patch (RFC 7396): null removes, objects merge, all else replaces."""
    if isinstance(patch, str) and isinstance(old, date) and isinstance(revive(patch, where), str):
        return patch  # the site wants text here, even if it says the same
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
        known_items = _Items(old if isinstance(old, list) else [])
        return [
            carry_over(known_items.same_as(value, index), value, revive, (*where, index))
            for index, value in enumerate(new)
        ]
    if isinstance(old, str | date) and new == json_value(old):
        return old
    return revive(new, where)


class _Items:
    """A list's items, found again by what they are in JSON, wherever they have moved to."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items
        self._json = [json_value(item) for item in items]
        self._first: dict[str, Any] = {}
        for item, known in zip(reversed(items), reversed(self._json), strict=True):
            self._first[_text(known)] = item

    def same_as(self, value: Any, index: int) -> Any:
        """The item that is `value`, at best the one at `index`; else what is at `index`, None beyond the end."""
        here = self._items[index] if index < len(self._items) else None
        if here is not None and self._json[index] == value:
            return here
        return self._first.get(_text(value), here)


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
