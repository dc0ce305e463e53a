"""What two people changed since the same version, and whether both can be had.

Mappings are compared entry by entry, lists as wholes. Two sides overlap when one changed what the other changed, or
something that holds it or that it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cms.model.document import Document
from cms.model.yaml_values import is_same

Path = tuple[str, ...]
GONE: Final = object()
"""Stands for the value of an entry that was removed."""


def content_of(document: Document) -> dict[str, Any]:
    """What editors know of a document: its `data` and its `body`."""
    return {"data": document.data, "body": document.content}


def differences(base: Any, other: Any, path: Path = ()) -> dict[Path, Any]:
    """Each place at which `other` is not `base`, with the value there, `GONE` where there is none."""
    if not isinstance(base, Mapping) or not isinstance(other, Mapping):
        return {} if is_same(base, other) else {path: other}
    found: dict[Path, Any] = {}
    for name in [*base, *(name for name in other if name not in base)]:
        if name not in other:
            found[(*path, name)] = GONE
        elif name not in base:
            found[(*path, name)] = other[name]
        else:
            found |= differences(base[name], other[name], (*path, name))
    return found


def overlap(one: Iterable[Path], other: Iterable[Path]) -> list[Path]:
    """The places of `one` that meet a place of `other`."""
    others = list(other)
    return [path for path in one if any(_meets(path, place) for place in others)]


def applied(value: Mapping[str, Any], changes: Mapping[Path, Any]) -> dict[str, Any]:
    """`value` with the changes made; the mappings on the way are copied, or made."""
    result = dict(value)
    for path, new in changes.items():
        holder = result
        for name in path[:-1]:
            below = holder.get(name)
            holder[name] = dict(below) if isinstance(below, Mapping) else {}
            holder = holder[name]
        if new is GONE:
            holder.pop(path[-1], None)
        else:
            holder[path[-1]] = new
    return result


def _meets(one: Path, other: Path) -> bool:
    return one[: len(other)] == other or other[: len(one)] == one
