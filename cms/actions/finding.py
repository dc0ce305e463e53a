"""One thing that is wrong with a site, or that is worth knowing of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["error", "warning", "info"]
"""From the worst on; "info" says what is right."""

_NAMED = 3
"""Things that a finding about many of them names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is the file's, below the site, or the URL of the storage; `pointer` leads to the place in the article."""

    severity: Severity
    path: str
    pointer: str
    detail: str
    code: str

    @property
    def rank(self) -> int:
        """Return the place of its severity, the worst first."""
        return get_args(Severity).index(self.severity)


def some(names: Iterable[str]) -> str:
    """Return the first of the names in order, with an ellipsis for the others."""
    in_order = sorted(names)
    return ", ".join(in_order[:_NAMED]) + (", …" if len(in_order) > _NAMED else "")
