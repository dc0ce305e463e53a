"""Finishes or undoes what was begun and broken off: what each intent in the database says, when nobody is at work on
it any more."""

from __future__ import annotations

import logging

from cms.actions import late_articles, late_photos, rename, together, upload
from cms.actions.apart import each_apart
from cms.context import Context
from cms.database import intents
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import BUSY, Invalid, Unavailable
from cms.model import ids

log = logging.getLogger("cms.heal")


def heal(ctx: Context) -> None:
    """Finish or undo each of them by itself."""
    with read(ctx.database) as tx:
        begun = intents.begun(tx)
    each_apart(begun, lambda intent: _try_to_heal(ctx, intent))


def _try_to_heal(ctx: Context, intent: AnyRow) -> None:
    try:
        with ctx.locks.hold(_locks(ctx, intent), wait_s=0):
            _heal(ctx, intent)
    except Invalid as error:
        log.warning("%s is left as it is: %s", intent.new_key, error.detail)
        with write(ctx.database) as tx:
            intents.forget(tx, intent.id)  # the next pass tells what is wrong with the file
    except Unavailable as error:
        # Somebody is at work on it, or a store does not answer; nothing else has to wait for that.
        level = logging.DEBUG if error.note() or error.code == BUSY else logging.WARNING
        log.log(level, "%s is left for later: %s", intent.new_key, error.detail)


def _heal(ctx: Context, intent: AnyRow) -> None:
    with read(ctx.database) as tx:
        found = intents.get(tx, intent.id)
        has_parts = bool(intents.parts(tx, intent.id))
    if found is None:
        return
    if not found.old_key:
        upload.undo(ctx, found)
    elif found.old_key != found.new_key:
        rename.settle(ctx, found)
    elif has_parts:
        together.settle(ctx, found)
    elif found.given_up_at is None:
        settle = late_articles.settle if ids.is_article(found.new_key) else late_photos.settle
        settle(ctx, found)


def _locks(ctx: Context, intent: AnyRow) -> list[str]:
    """Return the keys that are held by who is at work on it."""
    with read(ctx.database) as tx:
        parts = intents.parts(tx, intent.id)
    return [key for key in (intent.old_key, intent.new_key, *(part.new_key for part in parts)) if key]
