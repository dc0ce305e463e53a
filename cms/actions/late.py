"""Writes articles where that may take effect late: after the writer has lost the key's lock, or died.

What is about to be written is written down first. Whoever finds such a note with nobody at work on it looks: what has
come is taken over as its writer's, what has not is given up. Should that come all the same once somebody else has
saved, it becomes a revision, and what was saved is put back. Where nothing is late, this writes and no more.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sqlalchemy import Connection

from cms.actions import absorb
from cms.actions.absorb import File, Origin
from cms.actions.absorb_images import settle_visibility
from cms.context import Context
from cms.database import articles, changes, clock, engine, intents
from cms.database.tables import AnyRow
from cms.errors import BUSY, Stale, Unavailable
from cms.model import article as article_file
from cms.model.scopes import SERVICE
from cms.store.base import ABSENT, Absent, Key, Version, version_of

log = logging.getLogger("cms.late")

LATE_S = 3600.0
"""What has not come by then never will: Linux tries to send for a quarter of that."""

NOTHING = ""
"""The version where no file is."""
_UNWANTED = "unwanted"
"""The old version of what may not come, even if nobody saves."""


def write(ctx: Context, actor: str, key: Key, data: bytes, *, expect: Version | Absent) -> AnyRow | None:
    """As the store's; gives what `end` is to be told in the transaction that follows. The caller holds the key."""
    intent = _begin(ctx, actor, key, NOTHING if expect is ABSENT else expect, version_of(data))
    try:
        ctx.site.write(key, data, expect=expect)
    except Stale:
        _forget(ctx, intent)
        raise
    return intent


def delete(ctx: Context, actor: str, key: Key, *, expect: Version) -> AnyRow | None:
    """As the store's; else as `write`."""
    intent = _begin(ctx, actor, key, expect, NOTHING)
    try:
        ctx.site.delete(key, expect=expect)
    except Stale:
        _forget(ctx, intent)
        raise
    return intent


def end(ctx: Context, tx: Connection, intent: AnyRow | None) -> None:
    """It is done, and in the log; `Unavailable` when it was given up: the lock was lost, and others may have written
    since."""
    if intent is None:
        return
    is_write = intent.old_key == intent.new_key
    may_come_again = [ctx.site.was_repeated(Key(key)) for key in {intent.old_key, intent.new_key}]
    close = intents.close if is_write and any(may_come_again) else intents.remove
    if not close(tx, intent.id):
        detail = "The save took so long that others may have been faster; read the article again."
        raise Unavailable(detail, code=BUSY, retry_after_s=1)
    if not is_write and any(may_come_again):
        expect_none(ctx, tx, intent, is_undone=False)


def give_up(ctx: Context, tx: Connection, *keys: str) -> None:
    """Whatever others have begun there; the caller holds the keys, so they do not any more."""
    for key in keys if ctx.site.may_be_late else ():
        intents.give_up_at(tx, key)


def settle(ctx: Context, intent: AnyRow) -> None:
    """Take over what has come, or give up what has not; the caller holds the key, and so nobody is at work on it."""
    data = ctx.site.read(Key(intent.new_key))
    with engine.write(ctx.database) as tx:
        if _version(data) != intent.new_version:
            intents.give_up(tx, intent.id)
            return
        _absorb(ctx, tx, intent.new_key, data, Origin(intent.actor, "api"))
        intents.close(tx, intent.id)  # whoever got no answer has sent it again, perhaps


def expect_none(ctx: Context, tx: Connection, rename: AnyRow, *, is_undone: bool) -> None:
    """Nothing of this rename may come any more, or again: what was sent twice, say, because no answer came."""
    if not ctx.site.may_be_late:
        return
    made, left = (rename.new_key, rename.new_version), (rename.old_key, NOTHING)
    if is_undone:
        intents.add_given_up(tx, rename.actor, _UNWANTED, [made, left])
        intents.add_given_up(tx, rename.actor, "", [(rename.new_key, NOTHING)])
    else:
        intents.add_given_up(tx, rename.actor, "", [made, left])


def put_back(ctx: Context, there: Mapping[str, str]) -> None:
    """Where what was given up has come after others have saved, put back what they saved. `there` has the versions
    that were found, by key; the caller holds the keys."""
    if not ctx.site.may_be_late:
        return
    with engine.read(ctx.database) as tx:
        given_up = intents.given_up_writes(tx, there, clock.now(tx) - LATE_S)
    for place in there.items():
        if place in given_up:
            _put_back(ctx, given_up[place])


def _put_back(ctx: Context, intent: AnyRow) -> None:
    key = Key(intent.new_key)
    data = ctx.site.read(key)
    is_here, wanted = _wanted(ctx, intent)
    if _version(data) != intent.new_version or not is_here or wanted == data:
        return  # to be taken over as any other change
    log.warning("%s: what %s had begun to save came late; what was saved since is put back", key, intent.actor)
    by = Origin(SERVICE.name, "restore", message=f"What {intent.actor} had begun to save came late")
    found = Version(intent.new_version)
    if wanted is None:
        mine = delete(ctx, by.actor, key, expect=found)
    else:
        mine = write(ctx, by.actor, key, wanted, expect=found if data is not None else ABSENT)
    with engine.write(ctx.database) as tx:
        if data is not None:
            _absorb(ctx, tx, key, data, Origin(intent.actor, "api"))
        _absorb(ctx, tx, key, wanted, by)
        end(ctx, tx, mine)


def _wanted(ctx: Context, intent: AnyRow) -> tuple[bool, bytes | None]:
    """Whether it is known what has to be there, and what, None for nothing: what was saved after this was given up. It
    is the log that knows; the tables may be in the making."""
    with engine.read(ctx.database) as tx:
        change = changes.last_at(tx, intent.new_key, intent.seq)
        row = articles.by_key(tx, intent.new_key)
        if change is None and intent.old_version == _UNWANTED:
            if intent.new_version != NOTHING:
                return row is None, None
            change = None if row is None else changes.latest(tx, "article", row.collection, row.id)
    if change is None or (change.text is None and change.action != "deleted"):
        return False, None
    return True, change.text


def _absorb(ctx: Context, tx: Connection, key: str, data: bytes | None, by: Origin) -> None:
    if data is None:
        absorb.absorb_deletion(ctx, tx, key, by)
    else:
        article = article_file.read(key, data, version_of(data), ctx.settings.limits)
        absorb.absorb_article(ctx, tx, File(article, data, ""), by)
    settle_visibility(tx, by)


def _begin(ctx: Context, actor: str, key: Key, old: str, new: str) -> AnyRow | None:
    if not ctx.site.may_be_late:
        return None
    with engine.write(ctx.database) as tx:
        give_up(ctx, tx, key)
        return intents.add(tx, actor, (key, old), (key, new))


def _forget(ctx: Context, intent: AnyRow | None) -> None:
    if intent is not None:
        with engine.write(ctx.database) as tx:
            intents.forget(tx, intent.id)


def _version(data: bytes | None) -> str:
    return NOTHING if data is None else version_of(data)
