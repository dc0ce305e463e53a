"""A place in the log, as clients are given it.

It names the database (epoch), how its derived tables were made (stamp), what was asked for (view), and the change
(seq). A cursor that does not match in all four is of no use any more, and its holder starts again.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from cms.errors import Gone

DEFAULT_VIEW = "default"


@dataclass(frozen=True, slots=True)
class Cursor:
    epoch: str
    stamp: str
    view: str
    seq: int

    def encode(self) -> str:
        text = f"{self.epoch}.{self.stamp}.{self.view}.{self.seq}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def view_of(collection: str | None, fields: str | None, drafts: bool) -> str:
    """A short name for what a client asked the feed for."""
    if collection is None and fields is None and not drafts:
        return DEFAULT_VIEW
    asked = f"{collection}\n{fields}\n{drafts}"
    return hashlib.sha256(asked.encode()).hexdigest()[:8]


def decode(text: str) -> Cursor:
    """The cursor that `encode` wrote; `Gone` for anything else."""
    try:
        plain = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)).decode("ascii")
        epoch, stamp, view, seq = plain.split(".")
        if not seq.isdecimal() or len(seq) > 18:
            raise ValueError(seq)
        return Cursor(epoch, stamp, view, int(seq))
    except (ValueError, binascii.Error) as error:
        raise gone() from error


def gone() -> Gone:
    return Gone("This cursor is of no use any more; ask again without one, for everything.", code="cursor_gone")
