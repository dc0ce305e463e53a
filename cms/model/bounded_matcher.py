"""`difflib.SequenceMatcher`, which at worst takes a time that grows with the cube of the lengths, with a bound."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import Match, SequenceMatcher
from itertools import accumulate
from typing import Final

MOST_STEPS: Final = 1_500_000
"""Comparisons for one pair of sequences; some 0.2 microseconds each."""


class BoundedMatcher(SequenceMatcher[str]):
    """Finds what two sequences have in common until `most` steps are used up; all that is left then differs."""

    a: Sequence[str]
    b: Sequence[str]
    b2j: dict[str, list[int]]

    def __init__(
        self, one: Sequence[str], other: Sequence[str], *, autojunk: bool = True, most: int = MOST_STEPS
    ) -> None:
        super().__init__(None, one, other, autojunk=autojunk)
        self._left = most
        self._steps = [0, *accumulate(1 + len(self.b2j.get(item, ())) for item in one)]

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        """Return what both begin or end with, which costs little to find, else the longest part that both have."""
        ahi, bhi = len(self.a) if ahi is None else ahi, len(self.b) if bhi is None else bhi
        shorter = min(ahi - alo, bhi - blo)
        head = next((i for i in range(shorter) if self.a[alo + i] != self.b[blo + i]), shorter)
        if head:
            return Match(alo, blo, head)
        tail = next((i for i in range(shorter) if self.a[ahi - 1 - i] != self.b[bhi - 1 - i]), shorter)
        if tail:
            return Match(ahi - tail, bhi - tail, tail)
        self._left -= self._steps[ahi] - self._steps[alo]
        return super().find_longest_match(alo, ahi, blo, bhi) if self._left > 0 else Match(alo, blo, 0)
