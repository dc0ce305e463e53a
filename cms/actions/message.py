"""Writes what webhooks are told: where in the log, and of what, never the content itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from cms.actions.webhooks import ROTATION_S
from cms.context import Context
from cms.database import changes
from cms.database.tables import AnyRow
from cms.model.cursor import DEFAULT_VIEW, Cursor
from cms.model.moments import not_beyond
from cms.model.targets import Addressee, Message

MOST_IDS = 100
MOST_BYTES = 16_384
"""All ids together; Standard Webhooks asks for messages below 20 kB."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a message is about: the changes after `first` up to `last`, and why it is sent."""

    type: str
    first: int
    last: int
    reason: str


def write_message(ctx: Context, tx: Connection, webhook_id: str, topic: Topic) -> Message:
    """The message; told again, it has the same id."""
    epoch, _ = changes.position(tx)
    ids, is_all = _fitting(changes.ids_since(tx, topic.first, topic.last, MOST_IDS + 1))
    last, first = (
        Cursor(epoch, ctx.stamp, DEFAULT_VIEW, seq, changes.nonce_at(tx, seq)) for seq in (topic.last, topic.first)
    )
    body: dict[str, Any] = {
        "type": topic.type,
        "cursor": last.encode(),
        "previous_cursor": first.encode(),
        "ids": ids,
        "truncated": not is_all,
        "reason": topic.reason,
    }
    return Message(f"msg_{webhook_id}_{epoch}_{topic.type}_{topic.first}_{topic.last}", body)


def addressee(webhook: AnyRow, now: float) -> Addressee:
    """Who is told; the secret before the present one signs for a while yet."""
    old = webhook.old_secret if now < not_beyond(webhook.old_secret_until, now, ROTATION_S) else None
    secrets = tuple(secret for secret in (webhook.secret, old) if secret)
    return Addressee(webhook.url, webhook.target, secrets, webhook.ref)


def _fitting(ids: list[str]) -> tuple[list[str], bool]:
    """As many as fit, and whether these are all."""
    taken, size = 0, 0
    for name in ids[:MOST_IDS]:
        size += len(name.encode())
        if size > MOST_BYTES:
            break
        taken += 1
    return ids[:taken], taken == len(ids)
