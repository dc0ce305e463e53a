"""References between articles, in front matter: where they stand, and how they follow the article that they lead to."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cms.model.field import MOST_FIELDS
from cms.model.field_values import leaves
from cms.model.pointer import Where
from cms.model.schema import Schema

_FORMS = ({"id", "collection"}, {"slug", "collection"})
"""The keys of the objects that Astro takes for references, besides plain ids."""


class Reference(NamedTuple):
    """A reference to the article `id`; `collection` is empty where nothing tells which one it leads to.

    `where` leads to the id, and `holder` to the whole reference: the id itself or the object that holds it.
    """

    collection: str
    id: str
    where: Where
    holder: Where


@dataclass(frozen=True, slots=True)
class ReferenceFields:
    """The fields of a collection that hold references.

    `named` maps those that the annotation names to the collection that they lead to. `shaped` are those that the schema
    shows to be made by Astro's `reference()`; it does not tell their collection.
    """

    named: Mapping[str, str] = field(default_factory=dict)
    shaped: Collection[str] = frozenset()

    def towards(self, collection: str) -> list[str]:
        """Return the names, in the index of values, of the fields that may lead to the collection."""
        named = [name for name, target in self.named.items() if target == collection]
        found = [*named, *(name for name in self.shaped if name not in self.named)]
        return [name + form for name in found for form in ("", ".id", ".slug")]

    def find(self, data: Mapping[str, Any]) -> Iterator[Reference]:
        """Yield every reference in front matter."""
        for name, where, value in leaves(data) if self.named or self.shaped else ():
            plain = name.removesuffix(".id").removesuffix(".slug")
            is_whole = name in self.named or name in self.shaped
            if isinstance(value, bool) or not (is_whole or where[-1] in ("id", "slug")):
                continue
            holder = where if is_whole else where[:-1]
            target = self.named.get(name) or self.named.get(plain)
            if target is None and plain in self.shaped:
                target = "" if is_whole else _collection_in(data, holder)
            if target is not None:
                yield Reference(target, str(value), where, holder)


def _collection_in(data: Any, holder: Where) -> str:
    for part in holder:
        data = data[part]
    found = data.get("collection")
    return found if isinstance(found, str) else ""


NO_REFERENCES = ReferenceFields()


def shaped_by(schema: Schema) -> frozenset[str]:
    """Return the names of the fields that Astro's `reference()` has made, in the first MOST_FIELDS nodes."""
    found: set[str] = set()
    left = deque([("", schema.root)])
    for _ in range(MOST_FIELDS):
        if not left:
            break
        name, node = left.popleft()
        options = schema.options(node)
        if any(set(option.get("properties", ())) in _FORMS for option in options):
            found.add(name)
            continue
        for option in options:
            below = option.get("properties", {})
            left.extend((f"{name}.{key}" if name else key, one) for key, one in below.items())
            if "items" in option:
                left.append((name, option["items"]))
    return frozenset(found)


def retargeted(data: Mapping[str, Any], found: Iterable[Reference], new_id: str) -> dict[str, Any]:
    """Return the data with these references leading to another id."""
    changed: dict[str, Any] = _replaced(data, {reference.where: new_id for reference in found})
    return changed


def without(data: Mapping[str, Any], found: Iterable[Reference]) -> dict[str, Any]:
    """Return the data without these references: an item goes from its list, a field from what holds it."""
    changed: dict[str, Any] = _replaced(data, dict.fromkeys((reference.holder for reference in found), _GONE))
    return changed


_GONE = object()


def _replaced(value: Any, new: Mapping[Where, object], where: Where = ()) -> Any:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        return value
    kept = {
        key: new[here] if (here := (*where, key)) in new else _replaced(item, new, here)
        for key, item in items
        if new.get((*where, key)) is not _GONE
    }
    return kept if isinstance(value, Mapping) else list(kept.values())
