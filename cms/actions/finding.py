"""One thing that is wrong with the content of a site."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]

_NAMED = 3
"""Things that a finding about many of them names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is the file's, below the site; `pointer` leads to the place in the article."""

    severity: Severity
    path: str
    pointer: str
    detail: str
    code: str


def some(names: Iterable[str]) -> str:
    """Return the first of the names in order, with an ellipsis for the others."""
    in_order = sorted(names)
    return ", ".join(in_order[:_NAMED]) + (", …" if len(in_order) > _NAMED else "")
