"""A collection's rules: the JSON Schema that `astro sync` wrote, read as the site means it.

Astro 5 writes draft-07 below `definitions`, Astro 6 and 7 write 2020-12. Two things in it are not the site's rules:
`additionalProperties: false`, which Zod does not enforce, and dates that only a timestamp would satisfy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any

import jsonschema_rs

from cms.errors import Problem
from cms.model.moments import to_utc
from cms.model.pointer import pointer

KNOWN_ANYWAY = ("$schema", "draft", "slug")
"""Keys that Astro itself understands, or that our drafts need, whatever the schema says."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?")
DATE_FORMATS = ("date", "date-time")
MOST_ERRORS = 1_000
"""Errors of one article; references that name each other can make millions of them."""


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
        document = json.loads(text)
        self._validator = jsonschema_rs.validator_for(
            document, validate_formats=True, formats={"date-time": _is_date, "date": _is_date}, offline=True
        )
        self._document = document
        self.root = self.resolve(document)

    def problems(self, data: Mapping[str, Any], *, known: Iterable[str] = ()) -> list[Problem]:
        """What is wrong with front matter in its JSON form; keys in `known` are accepted at the top level."""
        found: list[Problem] = []
        for error in islice(self._validator.iter_errors(data), MOST_ERRORS):
            kind = type(error.kind).__name__
            where = list(error.instance_path)
            if kind == "AdditionalProperties":
                allowed = {*KNOWN_ANYWAY, *known} if not where else set()
                found += [_unknown(where, name) for name in error.kind.as_dict()["unexpected"] if name not in allowed]
            elif kind == "Required":
                found.append(
                    Problem(pointer("data", *where, error.kind.as_dict()["property"]), "is required", "required")
                )
            else:
                found.append(Problem(pointer("data", *where), self._detail(error, where), _code(kind)))
        return found

    def _detail(self, error: jsonschema_rs.ValidationError, where: list[str | int]) -> str:
        """What to do about it; the schema library's own words where these are plain enough."""
        facts = error.kind.as_dict()
        if self.is_date(tuple(where)):
            return "write a date, as in 2025-12-31"
        if "types" in facts:
            return f"has to be {' or '.join(_TYPES.get(name, name) for name in sorted(facts['types']))}"
        if "options" in facts:
            return f"has to be one of {', '.join(map(str, facts['options']))}"[:500]
        if "format" in facts:
            return f"has to be of the form {facts['format']}"
        return error.message[:500]

    def is_date(self, where: tuple[str | int, ...]) -> bool:
        """Whether the value at this place is a date to the site."""
        node: Any = self.root
        for part in where:
            node = _below(self.resolve(node), part)
        return any(option.get("format") in DATE_FORMATS for option in self.options(node))

    def options(self, node: Any) -> list[dict[str, Any]]:
        """The node itself and what its `anyOf` allows: Astro writes dates and optional fields that way."""
        whole = self.resolve(node)
        if not isinstance(whole, dict):
            return []
        return [whole, *(option for option in map(self.resolve, whole.get("anyOf", [])) if isinstance(option, dict))]

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
    """Return the date or the UTC timestamp that an ISO string says; the string itself when it says none."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
        if _DATE_TIME.fullmatch(text):
            return to_utc(datetime.fromisoformat(text.upper().replace(" ", "T")))
    except ValueError:
        return text
    return text


def _is_date(text: str) -> bool:
    return not isinstance(to_date(text), str)


def _unknown(where: list[str | int], name: str) -> Problem:
    return Problem(pointer("data", *where, name), "is no field of this collection", "unknown_field")


def _code(kind: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()


def _below(node: Any, part: str | int) -> Any:
    if not isinstance(node, dict):
        return {}
    if isinstance(part, int):
        return node.get("items", {})
    return node.get("properties", {}).get(part, {})
