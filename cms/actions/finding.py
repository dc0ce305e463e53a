"""One thing that is wrong with the content of a site."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`path` is the file's, below the site; `pointer` leads to the place in the article."""

    severity: Severity
    path: str
    pointer: str
    detail: str
    code: str
