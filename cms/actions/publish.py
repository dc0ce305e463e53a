"""Publishes what is due: visibility is stored, and the clock changes it as everybody does, by a change in the log."""

from __future__ import annotations

from cms.actions import absorb
from cms.actions.absorb import BY_CLOCK, File
from cms.actions.absorb_images import settle_visibility
from cms.actions.apart import each_apart
from cms.actions.rules import read_article
from cms.context import Context
from cms.database import articles
from cms.database.engine import read, write
from cms.store.base import Key


def publish_due(ctx: Context) -> int:
    """Publish the scheduled articles whose time has come, each by itself; return how many."""
    with read(ctx.database) as tx:
        keys = articles.due(tx, ctx.clock())
    return sum(map(bool, each_apart(keys, lambda key: _publish(ctx, Key(key)))))


def _publish(ctx: Context, key: Key) -> bool:
    with ctx.locks.hold([key]):
        return _publish_locked(ctx, key)


def _publish_locked(ctx: Context, key: Key) -> bool:
    data = ctx.site.read(key)
    if data is None:
        return False
    # Before the transaction: rendering takes long, and the transaction holds off all other writers.
    article = read_article(ctx, key, data)
    with write(ctx.database) as tx:
        row = articles.by_key(tx, key)
        if row is None or row.due is None or row.version != article.version:
            return False  # others were faster; or the next pass takes over what the file says by now, and decides
        absorb.absorb_article(ctx, tx, File(article, data, row.mark), BY_CLOCK)
        settle_visibility(ctx, tx, BY_CLOCK)
        return True
