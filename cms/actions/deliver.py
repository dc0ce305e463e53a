"""Tells webhooks what the public can see anew: one signed POST for many changes, again and again until 2xx.

A webhook holds a place in the log. What is behind it waits for quiet, is told at once, and the place moves on 2xx.
Signatures follow Standard Webhooks 1.0: HMAC-SHA256 over `id.timestamp.body`, in base64.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import random
import secrets
import time
from typing import Any

from sqlalchemy import Connection

from cms.actions.post import Answer, check_url, post
from cms.context import Context
from cms.database import changes, images, webhooks
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Invalid, NotFound, Problem
from cms.model.cursor import DEFAULT_VIEW, Cursor

LEASE_S = 60.0
MOST_IDS = 100
RETRY_S = (1, 5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600)
LONGEST_RETRY_AFTER_S = 3600
_PREFIX = "whsec_"


def create(ctx: Context, url: str, target: str, secret: str | None, quiet_s: float, max_wait_s: float) -> AnyRow:
    """A webhook that is told of every change from now on."""
    check_url(url, allow_private=ctx.settings.webhooks_allow_private)
    if secret is None:
        secret = _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    _key(secret)
    with write(ctx.database) as tx:
        _, seq = changes.position(tx)
        values = {"id": secrets.token_hex(8), "url": url, "target": target, "secret": secret, "seq": seq}
        times = {"quiet_s": quiet_s, "max_wait_s": max_wait_s, "created_at": time.time()}
        return webhooks.add(tx, {**values, **times})


def change(ctx: Context, webhook_id: str, values: dict[str, Any]) -> AnyRow:
    """The webhook with these values in place of its own."""
    if "url" in values:
        check_url(values["url"], allow_private=ctx.settings.webhooks_allow_private)
    if "secret" in values:
        _key(values["secret"])
    with write(ctx.database) as tx:
        if values and webhooks.get(tx, webhook_id) is not None:
            webhooks.change(tx, webhook_id, **values)
        return _found(webhooks.get(tx, webhook_id))


def remove(ctx: Context, webhook_id: str) -> None:
    with write(ctx.database) as tx:
        if not webhooks.remove(tx, webhook_id):
            raise NotFound("There is no such webhook.")


def get(ctx: Context, webhook_id: str) -> AnyRow:
    with read(ctx.database) as tx:
        return _found(webhooks.get(tx, webhook_id))


def deliver_due(ctx: Context) -> int:
    """Tell every webhook whose time has come; returns how many were tried."""
    with read(ctx.database) as tx:
        due = [row for row in webhooks.all_of(tx) if _is_due(tx, row, changes.visible_since(tx, row.seq))]
    return sum(_deliver(ctx, row.id) for row in due)


def _is_due(tx: Connection, webhook: AnyRow, pending: AnyRow | None) -> bool:
    now = time.time()
    if pending is None or webhook.leased_until > now:
        return False
    if webhook.failures:
        return bool(now >= webhook.retry_at)
    if now - pending.first_time >= webhook.max_wait_s:
        return True
    # A build that comes before the variants of new photos would go without them: nothing else tells of those.
    is_quiet = now - pending.last_time >= webhook.quiet_s
    return is_quiet and not images.without(tx, "rendition", 1, since=webhook.seq)


def _deliver(ctx: Context, webhook_id: str) -> bool:
    with write(ctx.database) as tx:
        if not webhooks.claim(tx, webhook_id, time.time(), LEASE_S):
            return False
        webhook = webhooks.get(tx, webhook_id)
        pending = None if webhook is None else changes.visible_since(tx, webhook.seq)
        _, last = changes.position(tx)
    if webhook is None or pending is None:
        return False
    answer = _attempt(ctx, webhook, "content.changed", webhook.seq, last)
    with write(ctx.database) as tx:
        if answer.is_success:
            webhooks.change(tx, webhook_id, seq=last, failures=0, retry_at=0, leased_until=0)
        else:
            retry_at = time.time() + _pause(webhook.failures, answer.retry_after)
            webhooks.change(tx, webhook_id, failures=webhook.failures + 1, retry_at=retry_at, leased_until=0)
    return True


def redeliver(ctx: Context, webhook_id: str, delivery_id: str) -> AnyRow:
    """Send a recorded delivery's message once more, now; returns the attempt."""
    webhook = get(ctx, webhook_id)
    with read(ctx.database) as tx:
        old = next((row for row in webhooks.attempts(tx, webhook_id) if row.id == delivery_id), None)
    if old is None:
        raise NotFound("There is no such delivery.")
    _attempt(ctx, webhook, old.type, old.first_seq, old.last_seq)
    return _last_attempt(ctx, webhook_id)


def test(ctx: Context, webhook_id: str) -> AnyRow:
    """Send a message that says nothing new, now; returns the attempt."""
    webhook = get(ctx, webhook_id)
    with read(ctx.database) as tx:
        _, seq = changes.position(tx)
    _attempt(ctx, webhook, "webhook.test", seq, seq)
    return _last_attempt(ctx, webhook_id)


def _attempt(ctx: Context, webhook: AnyRow, kind: str, first: int, last: int) -> Answer:
    message_id, body = _message(ctx, webhook, kind, first, last)
    headers = sign(webhook.secret, message_id, body, int(time.time()))
    answer = post(webhook.url, headers, body, allow_private=ctx.settings.webhooks_allow_private)
    record = {
        "id": secrets.token_hex(8),
        "webhook_id": webhook.id,
        "message_id": message_id,
        "type": kind,
        "time": time.time(),
        "first_seq": first,
        "last_seq": last,
        "status": answer.status,
        "error": answer.error,
        "duration_ms": answer.duration_ms,
    }
    with write(ctx.database) as tx:
        webhooks.record(tx, record)
    return answer


def _message(ctx: Context, webhook: AnyRow, kind: str, first: int, last: int) -> tuple[str, bytes]:
    """The message's id, the same whenever it is sent again, and its body."""
    with read(ctx.database) as tx:
        epoch, _ = changes.position(tx)
        ids = changes.ids_since(tx, first, last, MOST_IDS + 1)
    payload = {
        "type": kind,
        "cursor": Cursor(epoch, ctx.stamp, DEFAULT_VIEW, last).encode(),
        "previous_cursor": Cursor(epoch, ctx.stamp, DEFAULT_VIEW, first).encode(),
        "ids": ids[:MOST_IDS],
        "truncated": len(ids) > MOST_IDS,
    }
    return f"msg_{webhook.id}_{epoch}_{kind}_{first}_{last}", json.dumps(payload).encode()


def sign(secret: str, message_id: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers by which the receiver knows that the message is ours."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()
    return {
        "Content-Type": "application/json",
        "User-Agent": "markdown-cms",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature}",
    }


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not 24 <= len(key) <= 64:
        problem = Problem("/secret", f"write {_PREFIX} and 24 to 64 random bytes in base64, or leave it out", "secret")
        raise Invalid("The secret cannot be used.", problems=[problem])
    return key


def _pause(failures: int, retry_after: str | None) -> float:
    pause = float(RETRY_S[min(failures, len(RETRY_S) - 1)])
    if retry_after is not None and retry_after.isascii() and retry_after.isdecimal():
        pause = max(pause, min(int(retry_after[:9]), LONGEST_RETRY_AFTER_S))
    return pause * random.uniform(1, 1.2)  # noqa: S311  # nothing secret


def _last_attempt(ctx: Context, webhook_id: str) -> AnyRow:
    with read(ctx.database) as tx:
        return webhooks.attempts(tx, webhook_id)[0]


def _found(row: AnyRow | None) -> AnyRow:
    if row is None:
        raise NotFound("There is no such webhook.")
    return row
