"""Puts right what comes late to an article: it becomes a revision, and what was saved since is put back."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from cms.actions import absorb, late
from cms.actions.absorb import File, Origin
from cms.actions.absorb_images import settle_visibility
from cms.actions.late import NOTHING, UNWANTED
from cms.actions.rules import read_article
from cms.context import Context
from cms.database import articles, changes, engine, intents
from cms.database.tables import AnyRow
from cms.model.scopes import SERVICE
from cms.store.base import ABSENT, Key, Version, version_of

log = logging.getLogger("cms.late")


def settle(ctx: Context, intent: AnyRow) -> None:
    """Take over what has come, or give up what has not; the caller holds the key, and so nobody is at work on it."""
    data = ctx.site.read(Key(intent.new_key))
    with engine.write(ctx.database) as tx:
        if _version(data) != intent.new_version:
            intents.give_up(tx, intent.id)
            return
        _absorb(ctx, tx, intent.new_key, data, Origin(intent.actor, "api"))
        intents.close(tx, intent.id)  # whoever got no answer has sent it again, perhaps


def end_rename(ctx: Context, tx: Connection, rename: AnyRow) -> None:
    """As `late.end`."""
    may_come_again = late.was_repeated(ctx, rename.old_key, rename.new_key)
    if not intents.remove(tx, rename.id):
        raise late.given_up()
    if may_come_again:
        expect_none(ctx, tx, rename, is_undone=False)


def expect_none(ctx: Context, tx: Connection, rename: AnyRow, *, is_undone: bool) -> None:
    """Nothing of this rename may come any more, or again: what was sent twice, say, because no answer came."""
    if not ctx.site.may_be_late:
        return
    made, left = (rename.new_key, rename.new_version), (rename.old_key, NOTHING)
    if is_undone:
        intents.add_given_up(tx, rename.actor, UNWANTED, [made, left])
        intents.add_given_up(tx, rename.actor, "", [(rename.new_key, NOTHING)])
    else:
        intents.add_given_up(tx, rename.actor, "", [made, left])


def put_back(ctx: Context, intent: AnyRow) -> None:
    """This has come; if others have saved since it was given up, put back what they saved. The caller holds the key."""
    key = Key(intent.new_key)
    data = ctx.site.read(key)
    is_here, wanted = _wanted(ctx, intent)
    if _version(data) != intent.new_version or not is_here or wanted == data:
        return  # to be taken over as any other change
    log.warning("%s: what %s had begun to save came late; what was saved since is put back", key, intent.actor)
    by = Origin(SERVICE.name, "restore", message=f"What {intent.actor} had begun to save came late")
    found = Version(intent.new_version)
    if wanted is None:
        mine = late.delete(ctx, ctx.site, by.actor, key, expect=found)
    else:
        mine = late.write(ctx, ctx.site, by.actor, key, wanted, expect=found if data is not None else ABSENT)
    with engine.write(ctx.database) as tx:
        if data is not None:
            _absorb(ctx, tx, key, data, Origin(intent.actor, "api"))
        _absorb(ctx, tx, key, wanted, by)
        late.end(ctx, tx, mine)


def _wanted(ctx: Context, intent: AnyRow) -> tuple[bool, bytes | None]:
    """Whether it is known what has to be there, and what, None for nothing: what was saved after this was given up. It
    is the log that knows; the tables may be in the making."""
    with engine.read(ctx.database) as tx:
        change = changes.last_at(tx, intent.new_key, intent.seq)
        row = articles.by_key(tx, intent.new_key)
        if change is None and intent.old_version == UNWANTED:
            if row is None and intent.new_version != NOTHING:
                return True, None
            change = None if row is None else changes.latest(tx, "article", row.collection, row.id)
    if change is None or (change.text is None and change.action != "deleted"):
        return False, None
    return True, change.text


def _absorb(ctx: Context, tx: Connection, key: str, data: bytes | None, by: Origin) -> None:
    if data is None:
        absorb.absorb_deletion(ctx, tx, key, by)
    else:
        article = read_article(ctx, key, data)
        absorb.absorb_article(ctx, tx, File(article, data, ""), by)
    settle_visibility(ctx, tx, by)


def _version(data: bytes | None) -> str:
    return NOTHING if data is None else version_of(data)
