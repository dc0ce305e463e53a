"""Finishes or undoes what was begun and broken off: what each intent in the database says, when nobody is at work on
it any more."""

from __future__ import annotations

import logging

from cms.actions import rename, upload
from cms.context import Context
from cms.database import intents
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.errors import BUSY, Unavailable

log = logging.getLogger("cms.heal")


def heal(ctx: Context) -> None:
    with read(ctx.database) as tx:
        begun = intents.all_of(tx)
    for intent in begun:
        try:
            with ctx.locks.hold(_locks(intent), wait_s=0):
                _heal(ctx, intent)
        except Unavailable as error:
            # Somebody is at work on it, or a store does not answer; nothing else has to wait for that.
            level = logging.DEBUG if error.code == BUSY else logging.WARNING
            log.log(level, "%s is left for later: %s", intent.new_key, error.detail)


def _heal(ctx: Context, intent: AnyRow) -> None:
    with read(ctx.database) as tx:
        is_open = intents.get(tx, intent.id) is not None
    if is_open:
        (rename.settle if intent.old_key else upload.undo)(ctx, intent)


def _locks(intent: AnyRow) -> list[str]:
    """What whoever is at work on it holds."""
    return [key for key in (intent.old_key, intent.new_key) if key]
