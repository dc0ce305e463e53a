"""The fields of a collection that lists may be filtered and sorted by: those that its schema knows.

A field is named by its keys with dots between them, `contact.address`; a list's items share the name of the list.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from cms.model.article import iso
from cms.model.pointer import Where
from cms.model.schema import DATE_FORMATS, Schema, to_date

Kind = Literal["text", "number", "boolean", "date"]
Op = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "exists"]
OPS: tuple[Op, ...] = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "contains", "exists")

NOWHERE = -1
"""The position of no value."""

_KINDS: dict[str, Kind] = {"string": "text", "number": "number", "integer": "number", "boolean": "boolean"}
_DEEPEST = 8
MOST_FIELDS = 1_000
"""Fields of one schema, and what holds them."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kind: Kind
    is_list: bool = False

    @property
    def is_number(self) -> bool:
        """Whether its values are compared as numbers; else they are as texts."""
        return self.kind in ("number", "boolean")


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a field; `number` is set for numbers and booleans, `text` for all else."""

    field: str
    position: int
    text: str | None
    number: float | None


def fields_of(schema: Schema) -> dict[str, Field]:
    """Return every field with one kind of value, by name; raises ValueError for more than MOST_FIELDS nodes."""
    walked = list(islice(_walk(schema, schema.root, "", False, ()), MOST_FIELDS + 1))
    if len(walked) > MOST_FIELDS:
        raise ValueError(f"the schema has more than {MOST_FIELDS} fields")
    found = {field.name: field for field in walked if field is not None}
    return {name: field for name, field in found.items() if not name.startswith("$")}


def values_of(data: Mapping[str, Any], fields: Iterable[Field] = ()) -> list[Value]:
    """Every value of front matter in its JSON form, and one at `NOWHERE` for each of the `fields` by whose first value
    the article cannot be sorted, for there is none of that kind."""
    counted: dict[str, int] = {}
    values: list[Value] = []
    for name, _, value in leaves(data):
        position = counted.get(name, 0)
        counted[name] = position + 1
        if isinstance(value, bool | int | float):
            values.append(Value(name, position, None, float(value)))
        else:
            values.append(Value(name, position, comparable(str(value)), None))
    first = {(value.field, value.number is not None) for value in values if value.position == 0}
    missing = (field.name for field in fields if (field.name, field.is_number) not in first)
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


def parse(field: Field, text: str) -> str | float:
    """What a filter's text stands for in this field; raises ValueError that says what to write."""
    if field.kind == "boolean":
        if text not in ("true", "false"):
            raise ValueError("write true or false")
        return float(text == "true")
    if field.kind == "number":
        try:
            number = float(text)
        except ValueError as error:
            raise ValueError("write a number") from error
        if not math.isfinite(number):
            raise ValueError("write a number that is not infinite")
        return number
    if field.kind == "date":
        moment = to_date(text)
        if isinstance(moment, str):
            raise ValueError("write a date as in 2025-06-24")
        return comparable(iso(moment))
    return comparable(text)


def _walk(schema: Schema, node: Any, name: str, is_list: bool, above: tuple[int, ...]) -> Iterator[Field | None]:
    """Yield None and the fields for each node; one that is among those `above` is not walked again."""
    node = schema.resolve(node)
    if not isinstance(node, dict) or len(above) > _DEEPEST or id(node) in above:
        return
    above = (*above, id(node))
    yield None
    for key, below in node.get("properties", {}).items():
        if "." not in key:
            yield from _walk(schema, below, f"{name}.{key}" if name else key, is_list, above)
    if "items" in node:
        yield from _walk(schema, node["items"], name, True, above)
    elif name and (kind := _kind(schema, node)) is not None:
        yield Field(name, kind, is_list)


def _kind(schema: Schema, node: Any) -> Kind | None:
    options = schema.options(node)
    if any(option.get("format") in DATE_FORMATS for option in options):
        return "date"
    kinds = {_KINDS.get(name) for option in options for name in _types(option)}
    return kinds.pop() if len(kinds) == 1 else None


def _types(option: Mapping[str, Any]) -> list[str]:
    given = option.get("type", [])
    names = [given] if isinstance(given, str) else given
    return [name for name in names if name != "null"]
