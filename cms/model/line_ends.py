"""The line ends of a body that comes by JSON: those of the file, whichever the client sent."""

from __future__ import annotations

import re
from typing import Final

from cms.model.bounded_matcher import BoundedMatcher

_BREAK: Final = re.compile(r"\r\n|\n")
_MOST_STEPS: Final = 500_000
"""To find the lines that stay; so many take less than half a second where all lines of the largest body are moved."""


def kept(old: str, new: str, newline: str) -> str:
    """Return `new` with the line ends of `old`, the body that it takes the place of.

    Where `old` has both kinds, lines that stay keep theirs and new lines get `newline`, the file's first line break.
    """
    kinds = set(_BREAK.findall(old))
    if len(kinds) < 2:
        return _BREAK.sub(kinds.pop() if kinds else newline, new)
    before, after = _BREAK.split(old), _BREAK.split(new)
    ends = [newline] * len(after)
    old_ends = [*_BREAK.findall(old), newline]
    for match in BoundedMatcher(before, after, autojunk=False, most=_MOST_STEPS).get_matching_blocks():
        ends[match.b : match.b + match.size] = old_ends[match.a : match.a + match.size]
    ends[-1] = ""
    return "".join(line + end for line, end in zip(after, ends, strict=True))
