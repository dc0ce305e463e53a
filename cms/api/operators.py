"""Remembers who was an operator (scope admin) when the database last said so, for while it cannot be asked.

They alone are told in `/readyz` why it does not answer, and nothing else rests on this.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from cms.clock import machine_time

NAME = "operators"
"""Under which they stand among the application's extensions."""
BELIEVED_S = 3600.0
"""A token counts for so long after it was last found to be one of an operator."""
MOST = 32


class Operators:
    """The last tokens of operators that this process has seen, by their digests."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, float] = OrderedDict()

    def note(self, header: str, *, is_operator: bool) -> None:
        """The database says so of the token in the header."""
        digest = _digest(header)
        self._seen.pop(digest, None)
        if is_operator:
            self._seen[digest] = machine_time()
            while len(self._seen) > MOST:
                self._seen.popitem(last=False)

    def has(self, header: str, before: float) -> bool:
        """Whether the token was an operator's within `BELIEVED_S` before that moment, in seconds since the epoch, or as
        little after it: what lies further ahead was noted by a wrong clock."""
        seen = self._seen.get(_digest(header))
        return seen is not None and abs(before - seen) < BELIEVED_S


def _digest(header: str) -> bytes:
    return hashlib.sha256(header.encode("latin-1", "replace")).digest()
