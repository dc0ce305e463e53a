"""Answers a repeated request as it was answered the first time (draft-ietf-httpapi-idempotency-key-header-08).

Only success is kept: after an error, the same request is tried anew.
"""

from __future__ import annotations

from cms.context import Context
from cms.database import answers, clock
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Invalid, NotReady

KEPT_S = 86_400.0
LEASE_S = 60.0
"""A request that has not been answered for so long may be tried anew: its server has died, or both do the same."""


def claim(ctx: Context, token_id: str, key: str, request: str, kept_s: float = KEPT_S) -> AnyRow | None:
    """The answer there was to the request of this digest; None when it is to be answered now, as it is when that
    answer is older than `kept_s`.

    `Invalid` when the key came with another request, `NotReady` while another one answers it.
    """
    with ctx.locks.hold([f"answers/{token_id}/{key}"]), write(ctx.database) as tx:
        row = answers.get(tx, token_id, key)
        now = clock.now(tx)
        if row is None or row.time < now - (kept_s if row.status else LEASE_S):
            answers.begin(tx, token_id, key, request)
            return None
    if row.request != request:
        raise Invalid("This Idempotency-Key came with another request; choose a new one.", code="idempotency_key")
    if row.status is None:
        raise NotReady("The same request is being answered just now; ask again.", code="under_way", retry_after_s=5)
    return row


def keep(ctx: Context, token_id: str, key: str, status: int, headers: str, body: str) -> None:
    with write(ctx.database) as tx:
        answers.finish(tx, token_id, key, status, headers, body)


def release(ctx: Context, token_id: str, key: str) -> None:
    with read(ctx.database) as tx:
        row = answers.get(tx, token_id, key)
    if row is not None and row.status is None:
        with write(ctx.database) as tx:
            answers.remove(tx, token_id, key)
