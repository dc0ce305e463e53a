"""Answers a repeated request as it was answered the first time (draft-ietf-httpapi-idempotency-key-header-08).

Only success is kept: after an error, the same request is tried anew. It then finds what the first had begun.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from cms.context import Context
from cms.database import answers, changes, clock
from cms.database.engine import write_aside
from cms.database.tables import AnyRow
from cms.errors import Invalid, NotReady, Unavailable
from cms.model.moments import not_beyond

log = logging.getLogger("cms.answers")

KEPT_S = 86_400.0
LEASE_S = 60.0
"""A request that has not been answered for so long may be tried anew: its server has died, or both do the same."""


@dataclass(frozen=True, slots=True)
class Begun:
    """What a request is about to make: its id, the version of its bytes, and the last seq before."""

    id: str
    version: str
    seq: int


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is answered now, and what has been begun for it before. `row` is the answer that there was."""

    ctx: Context
    token_id: str
    key: str
    row: AnyRow | None = None
    begun: Begun | None = None

    def note(self, new_id: str, version: str) -> None:
        """What is about to be made, for whoever tries anew, should this one fail after it was done."""
        with write_aside(self.ctx.database) as tx:
            answers.note(tx, self.token_id, self.key, json.dumps([new_id, version, changes.position(tx)[1]]))

    def keep(self, status: int, headers: str, body: str) -> None:
        """It is done, and told so even if that cannot be kept just now."""
        try:
            with write_aside(self.ctx.database) as tx:
                answers.finish(tx, self.token_id, self.key, status, headers, body)
        except Unavailable as error:
            log.warning("the answer to a request with an Idempotency-Key is not kept: %s", error.detail)

    def release(self) -> None:
        """It failed, and may be tried anew."""
        with write_aside(self.ctx.database) as tx:
            row = answers.get(tx, self.token_id, self.key)
            if row is None or row.status is not None:
                return  # another has answered it meanwhile
            if row.body is None:
                answers.remove(tx, self.token_id, self.key)
            else:
                answers.date(tx, self.token_id, self.key, clock.now(tx) - LEASE_S - 1)


def claim(ctx: Context, token_id: str, key: str, request: str, kept_s: float = KEPT_S) -> Claim:
    """The request of this digest, with the answer there was to it; without one when it is to be answered now, as it is
    when that answer is older than `kept_s`.

    `Invalid` when the key came with another request, `NotReady` while another one answers it.
    """
    with ctx.locks.hold([f"answers/{token_id}/{key}"]), write_aside(ctx.database) as tx:
        row = answers.get(tx, token_id, key)
        now = clock.now(tx)
        if row is None or _is_over(row, now, kept_s):
            note = row.body if row is not None and row.status is None and row.request == request else None
            answers.begin(tx, token_id, key, request, note)
            return Claim(ctx, token_id, key, None, None if note is None else Begun(*json.loads(note)))
    if row.request != request:
        raise Invalid("This Idempotency-Key came with another request; choose a new one.", code="idempotency_key")
    if row.status is None:
        raise NotReady("The same request is being answered just now; ask again.", code="under_way", retry_after_s=5)
    return Claim(ctx, token_id, key, row)


def _is_over(row: AnyRow, now: float, kept_s: float) -> bool:
    """Whether the request is answered anew. An answer that lies ahead stays: the same request may not do twice what it
    did."""
    if row.status is None:
        return not_beyond(row.time + LEASE_S, now, LEASE_S) <= now
    return bool(row.time + kept_s < now)
