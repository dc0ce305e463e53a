"""Bounds on JSON that clients send: on its text before it is parsed, and on front matter before work is done on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cms.errors import Malformed
from cms.model.pointer import refusal, refusal_at
from cms.model.yaml_guard import YamlLimits

MOST_NESTED: Final = 64
"""Objects and lists inside each other in a body, unless front matter itself may have more than half as many."""

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))


def most_nested(limits: YamlLimits) -> int:
    """Return how many objects and lists inside each other one body may have."""
    return max(MOST_NESTED, 2 * limits.max_depth)


def most_values(limits: YamlLimits) -> int:
    """Return how many values and keys one body may have.

    It is twice those of the largest front matter, since a patch names places besides.
    """
    return 2 * limits.max_events


def check_text(data: bytes, limits: YamlLimits) -> None:
    """Raise `Malformed` for JSON text that is nested too deep, `Invalid` for one with too many values."""
    deepest, most = most_nested(limits), most_values(limits)
    marks = _STRING.sub(b"", data)
    depth = 0
    for bracket in marks.translate(None, _NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > deepest:
            raise Malformed(f"The body is nested deeper than {deepest} levels.", code="nested_too_deep")
    if sum(marks.count(mark) for mark in (b",", b":", b"[", b"{")) > most:
        detail = f"a body holds at most {most:,} values and keys; send less at once"
        raise refusal_at("", "too_many_values", detail)


class Size(NamedTuple):
    """The least size that a value has as YAML: parser events, characters, and levels of nesting."""

    events: int
    characters: int
    depth: int


def size_of(value: Any) -> Size:
    """Return the size of a JSON value; the walk uses no recursion."""
    events = characters = depth = 0
    waiting = [(value, 1)]
    while waiting:
        found, level = waiting.pop()
        if isinstance(found, Mapping):
            events += 2 + len(found)
            characters += sum(map(len, found))
            waiting += [(item, level + 1) for item in found.values()]
        elif isinstance(found, list):
            events += 2
            waiting += [(item, level + 1) for item in found]
        else:
            events += 1
            characters += len(found) if isinstance(found, str) else 1
            continue
        depth = max(depth, level)
    return Size(events, characters, depth)


def check_front_matter(data: Any, limits: YamlLimits) -> None:
    """Raise `Invalid` for front matter that is certain to be refused as YAML, before anything is made of it."""
    size = size_of(data)
    if size.characters > limits.max_bytes:
        raise refusal("yaml_too_large", f"the front matter is larger than {limits.max_bytes:,} bytes")
    if size.events > limits.max_events:
        raise refusal("yaml_too_many_nodes", f"the front matter has more than {limits.max_events:,} nodes")
    if size.depth > limits.max_depth:
        raise refusal("yaml_too_deep", f"the front matter is nested deeper than {limits.max_depth} levels")


def is_over(size: Size, limits: YamlLimits) -> bool:
    """Return whether a value has more than twice the size of the largest front matter, or is nested too deep."""
    is_large = size.events > 2 * limits.max_events or size.characters > 2 * limits.max_bytes
    return is_large or size.depth > most_nested(limits)
