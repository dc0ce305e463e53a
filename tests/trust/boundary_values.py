"""Values at the edges of what dates, numbers, texts and nesting can be, for every parameter and field of the API."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from tests.trust.poison import DEPTHS, MOMENTS

DATES = (*MOMENTS, "0000-01-01", "2025-02-30", "9999-12-31", "275760-09-13", "2016-12-31T23:59:60Z", "-0001-01-01")
NUMBERS = (-(2**63) - 1, -(2**63), -1, 0, 0.5, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 1e308, 10**400)
TEXTS = (
    "", " ", "\0", "\ud800", "x" * 300, "9" * 400, "null", "../../x", "/x", "%00", "%", "a,b", "'", '"', "\\", "*",
    "http://127.0.0.1:99999/", "https://[::1", "\u202e", "\U0010ffff", "-", "a:b", "__proto__",
)  # fmt: skip


class Raw(str):
    """JSON as it is to be sent, for what Python's own encoder would not write."""

    __slots__ = ()


def nested() -> Iterator[Raw]:
    """Yield lists and objects as deep as each of `DEPTHS`, and one list of 20,001 items."""
    for depth in DEPTHS:
        yield Raw("[" * depth + "]" * depth)
        yield Raw('{"a":' * depth + "1" + "}" * depth)
    yield Raw("[" + "1," * 20_000 + "1]")


def json_values() -> list[Any]:
    """Return values for a field of a JSON body, whatever its type is."""
    return [*DATES, *NUMBERS, *TEXTS, True, False, None, [], {}, [[]], [None], {"": ""}, *nested()]


def written(body: Any, name: str, value: Any) -> bytes:
    """Return the JSON object `body` with the value at the name."""
    members = {**body, name: value}
    parts = (f"{json.dumps(key)}:{one if isinstance(one, Raw) else json.dumps(one)}" for key, one in members.items())
    return ("{" + ",".join(parts) + "}").encode()


def cursors() -> list[str]:
    """Return cursors of lists, such as a client could make: places of one to three boundary values."""
    ends: tuple[Any, ...] = (2**63, 1e308, 10**400, "", "\0", "id", None, True, [])
    places = [[end] for end in ends] + [["id", end] for end in ends] + [[end, "x"] for end in ends]
    places += [["-date", one, other, "x"] for one, other in product((0, 1, 2**63, None), ("9999-12-31", 0, "\0"))]
    return [base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=") for place in places]


def query_values(name: str) -> list[str]:
    """Return values for a parameter of a query; what UTF-8 cannot write is left to bodies."""
    texts = [text for text in TEXTS if text != "\ud800"]
    return [*DATES[::4], *map(str, NUMBERS), *texts, *(cursors() if name == "cursor" else ())]
