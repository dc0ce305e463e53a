"""The fields of a collection that lists may be filtered and sorted by: those that its schema knows.

A field is named by its keys with dots between them, `contact.address`; a list's items share the name of the list. A
record's keys are not in the schema: `*` stands for them, and what they hold can be filtered but not sorted by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from cms.model.schema import Schema, is_anything, types_of
from cms.model.schema_dates import is_date

Kind = Literal["text", "number", "boolean", "date"]
Column = Literal["text", "number"]
Op = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "exists"]
OPS: tuple[Op, ...] = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "exists")

ANY_KEY = "*"
_KINDS: dict[str, Kind] = {"string": "text", "number": "number", "integer": "number", "boolean": "boolean"}
_ANYTHING: frozenset[Kind] = frozenset({"text", "number", "boolean"})
_DEEPEST = 8
MOST_NAME_BYTES = 256
"""By a field with a longer name, lists are neither filtered nor sorted."""
MOST_FIELDS = 1_000
"""Fields of one schema, and what holds them."""


@dataclass(frozen=True, slots=True)
class Field:
    """`kinds` are those of its values. Numbers come before texts; a boolean among other kinds counts as its text."""

    name: str
    kinds: frozenset[Kind]
    is_list: bool = False

    @property
    def columns(self) -> tuple[Column, ...]:
        """By which its values are compared, in the order in which they are sorted."""
        has_text = "text" in self.kinds or ("boolean" in self.kinds and len(self.kinds) > 1)
        has_number = bool(self.kinds & {"number", "date"}) or self.kinds == {"boolean"}
        return (*(("number",) if has_number else ()), *(("text",) if has_text else ()))

    @property
    def is_sortable(self) -> bool:
        """Whether lists can be sorted by it: not by what stands under any key of a record."""
        return ANY_KEY not in self.name

    @property
    def is_typed(self) -> bool:
        """Whether the field itself, and not the value alone, says by what a value is compared."""
        return "date" in self.kinds or ("boolean" in self.kinds and len(self.kinds) > 1)

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operators by which it can be filtered."""
        if self.kinds == {"boolean"}:
            return ("eq", "ne", "in", *(("contains",) if self.is_list else ()), "exists")
        has_parts = self.is_list or self.kinds & {"text", "date"}
        return OPS if has_parts else tuple(op for op in OPS if op != "contains")


def fields_of(schema: Schema) -> dict[str, Field]:
    """Return every field by name; raises ValueError for more than MOST_FIELDS nodes."""
    walked = list(islice(_walk(schema, schema.root, "", False, ()), MOST_FIELDS + 1))
    if len(walked) > MOST_FIELDS:
        raise ValueError(f"the schema has more than {MOST_FIELDS} fields")
    found: dict[str, Field] = {}
    for field in walked:
        if field is not None and not field.name.startswith("$") and has_short_name(field.name):
            other = found.get(field.name, field)
            found[field.name] = Field(field.name, field.kinds | other.kinds, field.is_list or other.is_list)
    return found


def has_short_name(name: str) -> bool:
    """Return whether a field of that name has at most MOST_NAME_BYTES bytes."""
    return len(name) <= MOST_NAME_BYTES and len(name.encode()) <= MOST_NAME_BYTES


def field_named(fields: Mapping[str, Field], name: str) -> Field | None:
    """Return the field of that name, or the field of a record that has it among its keys."""
    if name in fields:
        return fields[name]
    parts = name.split(".") if has_short_name(name) else []
    for field in fields.values():
        if ANY_KEY in field.name and _is_below(parts, field.name.split(".")):
            return replace(field, name=name)
    return None


def _is_below(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(
        expected in (part, ANY_KEY) for part, expected in zip(parts, pattern, strict=True)
    )


def _walk(schema: Schema, node: Any, name: str, is_list: bool, above: tuple[int, ...]) -> Iterator[Field | None]:
    """Yield None and the fields for each node; one that is among those `above` is not walked again."""
    for option in schema.options(node):
        if len(above) > _DEEPEST or id(option) in above:
            continue
        yield None
        inside = (*above, id(option))
        for key, below in _properties(option):
            yield from _walk(schema, below, f"{name}.{key}" if name else key, is_list, inside)
        for below in _items(option):
            yield from _walk(schema, below, name, True, inside)
        if name and (kinds := _kinds(option)):
            yield Field(name, kinds, is_list)


def _properties(node: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    properties, others = node.get("properties", {}), node.get("additionalProperties")
    yield from ((key, below) for key, below in properties.items() if "." not in key)
    # `{}` beside properties says no more than that Zod lets other keys pass.
    if isinstance(others, dict) and (others or not properties):
        yield ANY_KEY, others


def _items(node: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("items", "prefixItems", "additionalItems"):
        found = node.get(name)
        yield from found if isinstance(found, list) else [found]


def _kinds(node: Mapping[str, Any]) -> frozenset[Kind]:
    if is_date(node):
        return frozenset({"date"})
    if is_anything(node):
        holds_others = any(name in node for name in ("properties", "items", "prefixItems", "additionalProperties"))
        return frozenset() if holds_others or "$ref" in node else _ANYTHING
    return frozenset(_KINDS[name] for name in types_of(node) if name in _KINDS)
