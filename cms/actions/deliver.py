"""Tells webhooks what is new: one POST for many changes, again and again until it is answered by 2xx.

A webhook holds a place in the log. An attempt is claimed and recorded before it is made, and the place moves on with
its 2xx: whatever dies in between, the same is told again. `cms/model/pace.py` says when.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from cms.actions.message import Topic, addressee, write_message
from cms.actions.post import Answer, post
from cms.actions.webhooks import bounds_of, found
from cms.context import Context
from cms.database import builds, changes, clock, deliveries, feed, missing_variants, notices, webhooks
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import NotFound, NotReady
from cms.model import pace
from cms.model.moments import not_beyond
from cms.model.pace import Pace, Waiting
from cms.model.targets import CHANGED, NOT_LIVE, TEST, Addressee, Message, redact, request

LEASE_S = 60.0
"""Longer than an attempt takes, its look-up included: should its sender die, the next may try then."""
OVERDUE = "not_live"
"""The notice that what is published is not live."""


@dataclass(frozen=True, slots=True)
class _Attempt:
    id: str
    webhook: AnyRow
    to: Addressee
    message: Message


def due(ctx: Context) -> list[str]:
    """The webhooks whose time has come."""
    with read(ctx.database) as tx:
        now = clock.now(tx)
        free = [row for row in webhooks.all_of(tx) if not_beyond(row.leased_until, now, LEASE_S) <= now]
        return [row.id for row in free if _topic(tx, row, now) is not None]


def deliver(ctx: Context, webhook_id: str) -> bool:
    """Tell the webhook, if its time has come and no other sender is at it; says whether it was tried."""
    with write(ctx.database) as tx:
        now = clock.now(tx)
        webhook = webhooks.claim(tx, webhook_id, now, LEASE_S)
        if webhook is None:
            return False
        topic = _topic(tx, webhook, now)
        if topic is None:
            webhooks.change(tx, webhook_id, leased_until=0)
            return False
        attempt = _begin(ctx, tx, webhook, topic, now)
        told: dict[str, Any] = {"seq": topic.last}
        if topic.type == NOT_LIVE:
            told = {"overdue_told": notices.since(tx, OVERDUE)}
    answer = _send(ctx, attempt, now)
    _end(ctx, attempt, answer, told)
    return True


def redeliver(ctx: Context, webhook_id: str, delivery_id: str) -> AnyRow:
    """Send a recorded delivery's message once more, now; returns the attempt. `NotReady` while another is under way."""
    with read(ctx.database) as tx:
        found(webhooks.get(tx, webhook_id))
        old = deliveries.get(tx, webhook_id, delivery_id)
    if old is None:
        raise NotFound("There is no such delivery.")
    return _send_now(ctx, webhook_id, Topic(old.type, old.first_seq, old.last_seq, old.reason))


def test(ctx: Context, webhook_id: str) -> AnyRow:
    """Send a message that says nothing new, now; returns the attempt. `NotReady` as above."""
    with read(ctx.database) as tx:
        _, seq = feed.position(tx, drafts=False)
    return _send_now(ctx, webhook_id, Topic(TEST, seq, seq, "test"))


def urge(ctx: Context) -> None:
    """Let all that is new be told at once."""
    with write(ctx.database) as tx:
        _, seq = changes.position(tx)
        webhooks.urge(tx, seq)


def _topic(tx: Connection, webhook: AnyRow, now: float) -> Topic | None:
    """What the webhook is to be told now, if anything."""
    if webhook.failures and now < not_beyond(webhook.retry_at, now, pace.MOST_PAUSE_S):
        return None
    events = webhook.events.split()
    topic = _overdue(tx, webhook) if NOT_LIVE in events else None
    return topic or (_news(tx, webhook, now) if CHANGED in events else None)


def _news(tx: Connection, webhook: AnyRow, now: float) -> Topic | None:
    new = changes.visible_since(tx, webhook.seq)
    if new is None:
        return None
    # A build that comes before the variants of new photos would go without them: nothing else tells of those.
    is_ready = not missing_variants.are_since(tx, "rendition", webhook.seq)
    waiting = Waiting(new.first_seq, new.first_time, new.last_time, is_ready)
    when = Pace(webhook.quiet_s, webhook.max_wait_s, webhook.told_at, webhook.urgent_seq)
    moment, reason = pace.due(waiting, when, now)
    _, last = feed.position(tx, drafts=False)
    return Topic(CHANGED, webhook.seq, last, reason) if now >= moment or webhook.failures else None


def _overdue(tx: Connection, webhook: AnyRow) -> Topic | None:
    began, live = notices.since(tx, OVERDUE), builds.live_seq(tx)
    if began is None or live is None or began == webhook.overdue_told:
        return None
    new = changes.visible_since(tx, live)
    return None if new is None else Topic(NOT_LIVE, live, new.first_seq, "overdue")


def _send_now(ctx: Context, webhook_id: str, topic: Topic) -> AnyRow:
    with write(ctx.database) as tx:
        now = clock.now(tx)
        found(webhooks.get(tx, webhook_id))
        webhook = webhooks.claim(tx, webhook_id, now, LEASE_S)
        if webhook is None:
            raise NotReady("The webhook is being told just now; ask again.", code="under_way", retry_after_s=5)
        attempt = _begin(ctx, tx, webhook, topic, now)
    _end(ctx, attempt, _send(ctx, attempt, now), {}, is_asked=True)
    with read(ctx.database) as tx:
        row = deliveries.get(tx, webhook_id, attempt.id)
    if row is None:
        raise NotFound("The webhook was removed just now.")
    return row


def _begin(ctx: Context, tx: Connection, webhook: AnyRow, topic: Topic, now: float) -> _Attempt:
    message = write_message(ctx, tx, webhook.id, topic)
    values = {"id": secrets.token_hex(8), "webhook_id": webhook.id, "message_id": message.id, "type": topic.type}
    values |= {"time": now, "first_seq": topic.first, "last_seq": topic.last, "reason": topic.reason}
    deliveries.begin(tx, {**values, "error": "interrupted: the sender ended before the answer came"})
    return _Attempt(values["id"], webhook, addressee(webhook, now), message)


def _send(ctx: Context, attempt: _Attempt, now: float) -> Answer:
    asked = request(attempt.to, attempt.message, int(now))
    return post(attempt.webhook.url, asked.headers, asked.body, bounds_of(ctx))


def _end(ctx: Context, attempt: _Attempt, answer: Answer, told: dict[str, Any], *, is_asked: bool = False) -> None:
    """Record how it went, and what follows. The failure of what somebody asked for postpones nothing."""
    error, text = (None if said is None else redact(attempt.to, said) for said in (answer.error, answer.text))
    values: dict[str, Any] = {"leased_until": 0}
    with write(ctx.database) as tx:
        now = clock.now(tx)
        if answer.is_success:
            values |= {"failures": 0, "retry_at": 0, "failing_since": None, "last_status": answer.status, **told}
            values |= {"told_at": now} if "seq" in told else {}
        elif not is_asked:
            values |= {"last_status": answer.status, **_failed(attempt.webhook, answer, now)}
        deliveries.end(tx, attempt.id, status=answer.status, error=error, duration_ms=answer.duration_ms, answer=text)
        webhooks.change(tx, attempt.webhook.id, **values)


def _failed(webhook: AnyRow, answer: Answer, now: float) -> dict[str, Any]:
    failures = webhook.failures + 1
    asked_s = pace.asked_pause_s(answer.retry_after, now)
    jitter = random.uniform(*pace.JITTER)  # noqa: S311  # nothing secret
    wait_s = pace.pause_s(failures, is_gone=answer.status == 410, asked_s=asked_s, jitter=jitter)
    return {"failures": failures, "retry_at": now + wait_s, "failing_since": min(webhook.failing_since or now, now)}
