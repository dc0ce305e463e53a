"""A place in the log, as clients are given it.

It names the database (epoch), how its derived tables were made (stamp), what was asked for (view), and the change: its
seq, and its nonce, since a log that lost its end gives a seq again. A cursor that does not match in all of them is of
no use any more, and its holder starts again. Changes from before there were nonces have none, nor have their cursors.
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
    nonce: str

    def encode(self) -> str:
        place = f"{self.seq}.{self.nonce}" if self.nonce else self.seq
        text = f"{self.epoch}.{self.stamp}.{self.view}.{place}"
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
        epoch, stamp, view, seq, *nonces = plain.split(".")
        if not seq.isdecimal() or len(seq) > 18 or len(nonces) > 1:
            raise ValueError(plain)
        return Cursor(epoch, stamp, view, int(seq), "".join(nonces))
    except (ValueError, binascii.Error) as error:
        raise gone() from error


def gone() -> Gone:
    return Gone("This cursor is of no use any more; ask again without one, for everything.", code="cursor_gone")
