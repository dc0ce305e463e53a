"""JSON Pointers (RFC 6901), the strings they lead to, and the refusal that names one place by such a pointer.

`~` and `/` in a key are always escaped, so that a pointer never means two places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cms.errors import Invalid, Problem

Where = tuple[str | int, ...]
"""The keys and list positions that lead to a value."""


def pointer(*parts: str | int) -> str:
    """`pointer("data", "a/b", 0)` is `/data/a~1b/0`."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def place(pointer: str) -> str:
    """The pointer with `*` for the numbers in it: the same for all items of a list."""
    return re.sub(r"/\d+(?=/|$)", "/*", pointer)


def strings(value: object) -> Iterator[tuple[str, str]]:
    """Every string in JSON, at any depth, after its pointer."""
    return ((pointer(*where), leaf) for where, leaf in leaves(value) if isinstance(leaf, str))


def leaves(value: object, where: Where = ()) -> Iterator[tuple[Where, object]]:
    """Yield every value in JSON that holds no others, after the keys that lead to it."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from leaves(item, (*where, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*where, index))
    else:
        yield where, value


def refusal(code: str, detail: str, *parts: str | int) -> Invalid:
    """The error to raise for one problem at `/data` and below; `parts` are the keys below it."""
    return refusal_at(pointer("data", *parts), code, detail)


def refusal_at(where: str, code: str, detail: str) -> Invalid:
    return Invalid(detail, code=code, problems=[Problem(where, detail, code)])
