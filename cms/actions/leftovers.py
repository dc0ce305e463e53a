"""Finishes or undoes what writers that were killed have left of their temporary files.

Whoever writes below `src` holds the file's lock, so that it is known at once who is dead. Elsewhere, and where the
file's name is too long to be told, time has to tell.
"""

from __future__ import annotations

import logging

from cms.context import Context
from cms.errors import BUSY, Unavailable
from cms.store.base import Leftover, Store

log = logging.getLogger("cms.leftovers")

LIVES_S = 86_400.0


def clear_site(ctx: Context) -> None:
    """In the site and its photos."""
    for store in {id(store): store for store in (ctx.site, ctx.media)}.values():
        for leftover in store.leftovers("src"):
            _clear(ctx, store, leftover)


def clear_all(ctx: Context) -> None:
    """Everywhere."""
    clear_site(ctx)
    for store, folder in ((ctx.variants, "variants"), (ctx.private, "")):
        for leftover in store.leftovers(folder):
            _clear(ctx, store, leftover._replace(key=None))


def _clear(ctx: Context, store: Store, leftover: Leftover) -> None:
    if leftover.key is None and ctx.clock() - leftover.changed < LIVES_S:
        return
    try:
        with ctx.locks.hold([] if leftover.key is None else [leftover.key], wait_s=0):
            store.settle(leftover)
    except Unavailable as error:
        # Its writer is at work, or the folder cannot be written; nothing else has to wait for that.
        level = logging.DEBUG if error.note() or error.code == BUSY else logging.WARNING
        log.log(level, "%s in %s is left for later: %s", leftover.name, leftover.folder, error.detail)
