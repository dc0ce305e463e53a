"""What a client can ask for, read from the application itself: each operation of its description, and each route."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple
from urllib.parse import quote

from flask.testing import FlaskClient


class Operation(NamedTuple):
    """`path` with `{names}` in it; `described` is what the API's description says, and empty for a route it lacks."""

    method: str
    path: str
    described: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.described.get("operationId", self.path))

    @property
    def names(self) -> list[str]:
        """Those of the parts of its path."""
        return re.findall(r"{(\w+)}", self.path)

    def parameters(self, place: str) -> dict[str, Mapping[str, Any]]:
        found = self.described.get("parameters", ())
        return {parameter["name"]: parameter["schema"] for parameter in found if parameter["in"] == place}

    def urls(self, values: Mapping[str, Sequence[str]]) -> list[str]:
        """The operation's addresses, with each of the values in each place; a name without values is a `KeyError`."""
        filled = product(*(values[name] for name in self.names))
        return [_filled(self.path, dict(zip(self.names, given, strict=True))) for given in filled]


def operations(client: FlaskClient, *methods: str) -> list[Operation]:
    """All operations with one of the methods."""
    paths = client.get("/api/v1/openapi.json").get_json()["paths"]
    found = {}
    for rule in client.application.url_map.iter_rules():
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) & set(methods):
            found[method, path] = Operation(method, path, paths.get(path, {}).get(method.lower(), {}))
    described = {(method.upper(), path) for path, own in paths.items() for method in own} - found.keys()
    assert not {pair for pair in described if pair[0] in methods}, "described, and no route"
    return [found[pair] for pair in sorted(found)]


def _filled(path: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        path = path.replace(f"{{{name}}}", quote(value))
    return path
