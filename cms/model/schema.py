"""A collection's rules: the JSON Schema that `astro sync` wrote, read as the site means it.

Astro 5 writes draft-07 below `definitions`, Astro 6 and 7 write 2020-12. Two things in it are not the site's rules:
`additionalProperties: false`, which Zod does not enforce, and the form of dates (`schema_dates.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any

import jsonschema_rs

from cms.errors import Problem
from cms.model.moments import to_utc
from cms.model.pointer import pointer
from cms.model.schema_dates import FORMAT, MARK, is_date, marked, reads_as_date, unmarked, with_dates

KNOWN_ANYWAY = ("$schema", "draft", "slug")
"""Keys that Astro itself understands, or that our drafts need, whatever the schema says."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?")
MOST_ERRORS = 1_000
"""Errors of one article; references that name each other can make millions of them."""


MOST_NODES = 1_000
"""Nodes of a schema that are looked at for one value; references that name each other can make millions of them."""

_COMBINED = ("anyOf", "oneOf", "allOf")
_TYPES = {
    "string": "text",
    "array": "a list",
    "object": "an object",
    "boolean": "true or false",
    "number": "a number",
    "integer": "a whole number",
}


class Schema:
    """What the front matter of one collection must be."""

    def __init__(self, text: str) -> None:
        """Raises ValueError when the text is no JSON Schema."""
        document = with_dates(json.loads(text))
        formats = {"date-time": _is_date, "date": _is_date, FORMAT: reads_as_date}
        self._validator = jsonschema_rs.validator_for(document, validate_formats=True, formats=formats, offline=True)
        self._document = document
        self.root = self.resolve(document)

    def problems(
        self, data: Mapping[str, Any], *, known: Iterable[str] = (), dates: Iterable[str] = ()
    ) -> list[Problem]:
        """Return what is wrong with front matter in its JSON form, in which the values at the pointers `dates` are
        dates; keys in `known` are accepted at the top level."""
        found: list[Problem] = []
        misplaced: set[tuple[str | int, ...]] = set()
        places = {f"/data{where}" for where in dates}
        for error in islice(self._validator.iter_errors(marked(data, dates)), MOST_ERRORS):
            where = error.instance_path
            where = where[: where.index(MARK)] if MARK in where else where
            if pointer("data", *where) not in places:
                found += self._problems(error, where, known)
            elif tuple(where) not in misplaced:
                misplaced.add(tuple(where))
                found.append(Problem(pointer("data", *where), self._no_date(where), "type"))
        return found

    def _problems(
        self, error: jsonschema_rs.ValidationError, where: list[str | int], known: Iterable[str]
    ) -> Iterator[Problem]:
        kind = type(error.kind).__name__
        if kind == "AdditionalProperties":
            allowed = {*KNOWN_ANYWAY, *known} if not where else set()
            yield from (_unknown(where, name) for name in error.kind.as_dict()["unexpected"] if name not in allowed)
        elif kind == "Required" and error.kind.as_dict()["property"] != MARK:
            yield Problem(pointer("data", *where, error.kind.as_dict()["property"]), "is required", "required")
        else:
            code = "type" if kind == "Required" else _code(kind)
            yield Problem(pointer("data", *where), self._detail(error, where), code)

    def _detail(self, error: jsonschema_rs.ValidationError, where: list[str | int]) -> str:
        """What to do about it; the schema library's own words where these are plain enough."""
        facts = error.kind.as_dict()
        if self.is_date(where):
            return "write a date, as in 2025-12-31"
        if "types" in facts:
            return f"has to be {' or '.join(_TYPES.get(name, name) for name in sorted(facts['types']))}"
        if "options" in facts:
            return f"has to be one of {', '.join(map(str, facts['options']))}"[:500]
        if "format" in facts:
            return f"has to be of the form {facts['format']}"
        return unmarked(error.message)[:500]

    def _no_date(self, where: list[str | int]) -> str:
        """Return what to do about a date where the site expects none."""
        types = {name for node in self.nodes_at(where) for name in types_of(node)} & _TYPES.keys()
        if "string" in types:
            return "has to be text, and is a date; put quotes around it, as in '2025-12-31'"
        expected = " or ".join(_TYPES[name] for name in sorted(types))
        return f"has to be {expected}, and is a date" if expected else "is a date, which the site does not accept here"

    def is_date(self, where: Sequence[str | int]) -> bool:
        """Whether the value at this place is, or may be, a date to the site."""
        return any(map(is_date, self.nodes_at(where)))

    def takes_dates(self, where: Sequence[str | int]) -> bool:
        """Whether a date may stand at this place; anything may where the schema says nothing."""
        nodes = [node for node in self.nodes_at(where) if not any(name in node for name in _COMBINED)]
        return not nodes or any(is_date(node) or is_anything(node) for node in nodes)

    def takes_only_dates(self, where: Sequence[str | int]) -> bool:
        """Whether texts and numbers may stand at this place only if they are taken for dates."""
        nodes = self.nodes_at(where)
        takes_others = any(
            is_anything(node) or {*types_of(node)} & {"string", "number", "integer"}
            for node in nodes
            if not is_date(node)
        )
        return any(map(is_date, nodes)) and not takes_others

    def nodes_at(self, where: Sequence[str | int]) -> list[dict[str, Any]]:
        """Return the nodes that a value at this place has to meet, all or one of them."""
        nodes = self.options(self.root)
        for part in where:
            below = [found for node in nodes for found in _below(node, part)]
            nodes = [option for node in below[:MOST_NODES] for option in self.options(node)][:MOST_NODES]
        return nodes

    def options(self, node: Any) -> list[dict[str, Any]]:
        """Return the node itself and all that it is combined of: Astro writes unions and optional fields that way."""
        found: dict[int, dict[str, Any]] = {}
        waiting = [node]
        while waiting and len(found) < MOST_NODES:
            one = self.resolve(waiting.pop())
            if isinstance(one, dict) and id(one) not in found:
                found[id(one)] = one
                lists = (one[name] for name in _COMBINED if isinstance(one.get(name), list))
                waiting += [option for options in lists for option in options]
        return list(found.values())

    def resolve(self, node: Any) -> Any:
        """The node, or what its `$ref` within the document leads to."""
        for _ in range(32):
            reference = node.get("$ref") if isinstance(node, dict) else None
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return node
            node = self._document
            for part in reference[2:].split("/"):
                node = node.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
        return {}


def to_date(text: str) -> date | datetime | str:
    """Return the date or the time, with its offset, that an ISO string says; the string itself when it says none."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _DATE_TIME.fullmatch(text):
            moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
            utc = to_utc(moment)
            return utc.astimezone(moment.tzinfo) if moment.utcoffset() else utc
    except ValueError:
        return text
    return text


def _is_date(text: str) -> bool:
    return not isinstance(to_date(text), str)


def _unknown(where: list[str | int], name: str) -> Problem:
    return Problem(pointer("data", *where, name), "is no field of this collection", "unknown_field")


def _code(kind: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


def types_of(node: Mapping[str, Any]) -> list[str]:
    """Return the names of JSON's types that a node allows; those of its values where it lists these."""
    given = node.get("type")
    if given is not None:
        return [given] if isinstance(given, str) else list(given)
    listed = node["enum"] if "enum" in node else [node["const"]] if "const" in node else []
    return [_name_of(value) for value in listed]


def is_anything(node: Mapping[str, Any]) -> bool:
    """Whether a node allows values of any type, as that of `z.any()` does."""
    return not any(name in node for name in ("type", "enum", "const", "not", *_COMBINED))


def _name_of(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "null" if value is None else "string" if isinstance(value, str) else "object"


def _below(node: Mapping[str, Any], part: str | int) -> Iterator[Any]:
    """Yield what a node says of the value below it that a key or a place in a list leads to."""
    if isinstance(part, str):
        properties = node.get("properties", {})
        yield properties[part] if part in properties else node.get("additionalProperties")
        return
    items, first = node.get("items"), node.get("prefixItems", [])
    listed = items if isinstance(items, list) else first
    rest = node.get("additionalItems") if isinstance(items, list) else items
    yield listed[part] if part < len(listed) else rest
