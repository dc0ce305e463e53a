"""Clears away what has had its time: the trash, uploads that never came, answers, and variants and originals of photos
that are gone.

Whatever has no row and is older than `ORPHAN_S` was left by a process that died, and goes too.
"""

from __future__ import annotations

import posixpath

from cms.actions import answers as answering
from cms.actions import direct_upload, late, late_photos, leftovers, renditions, scratch, trash
from cms.actions.develop import ORIGINALS
from cms.actions.notices import tell
from cms.actions.photo_files import delete_from
from cms.actions.survey import find
from cms.clock import machine_time
from cms.context import Context
from cms.database import answers, images, intents, notices, uploads
from cms.database import trash as trash_rows
from cms.database.engine import read, write
from cms.model.ids import ASSETS
from cms.model.image import VARIANTS
from cms.model.moments import not_beyond
from cms.store.base import Key, Store

EVERY_S = 3600.0
ORPHAN_S = 86_400.0
HELD, FEW, HELD_S = "trash_held", 5, 86_400.0
"""The alert, how many photos are always deleted, and how long more than half of the trash waits."""
_HELD = (
    "More than half of the photos in the trash are older than 30 days by the clock, and are deleted for good a day"
    " after this was first said. If the clock is wrong, set it right."
)


def sweep(ctx: Context) -> None:
    """One round; `Unavailable` when a store or the database does not answer."""
    now = ctx.clock()
    _sweep_trash(ctx, now)
    with read(ctx.database) as tx:
        expired = uploads.expired(tx, now, direct_upload.KEPT_S)
    for upload_id in expired:
        direct_upload.discard(ctx, upload_id)
    with write(ctx.database) as tx:
        answers.forget(tx, now - answering.KEPT_S)
        intents.forget_writes(tx, now - late.LATE_S)
    scratch.clear(min(now, machine_time()) - ORPHAN_S)
    leftovers.clear_all(ctx)
    _sweep_private(ctx)
    _sweep_originals(ctx)
    _sweep_variants(ctx)


def _sweep_trash(ctx: Context, now: float) -> None:
    """Delete the photos that have lain there for 30 days; of many at once only after a day, in which `/readyz` says so:
    the clock may be wrong."""
    with read(ctx.database) as tx:
        rotten, everything = trash_rows.before(tx, now - trash.KEPT_S), trash_rows.ids(tx)
        held_since = notices.since(tx, HELD)
    is_much = len(rotten) > FEW and 2 * len(rotten) > len(everything)
    if is_much and (held_since is None or not_beyond(held_since + HELD_S, now, HELD_S) > now):
        tell(ctx, HELD, _HELD)
        return
    for trash_id in rotten:
        trash.remove(ctx, trash_id)
    tell(ctx, HELD, None)


def _sweep_private(ctx: Context) -> None:
    for folder, rows in ((trash.FOLDER, trash_rows), (direct_upload.FOLDER, uploads)):
        old = _old(ctx.private, folder, ctx.clock() - ORPHAN_S)
        with read(ctx.database) as tx:
            known = rows.ids(tx)
        for key in old:
            if key.rpartition("/")[2] not in known:
                delete_from(ctx.private, key)
    for key in _old(ctx.private, late_photos.FOLDER, ctx.clock() - ORPHAN_S):
        delete_from(ctx.private, key)


def _sweep_originals(ctx: Context) -> None:
    """Those of photos that are gone and cannot be restored any more."""
    for key in _old(ctx.private, ORIGINALS, ctx.clock() - trash.KEPT_S):
        path = posixpath.dirname(key).removeprefix(f"{ORIGINALS}/")
        with read(ctx.database) as tx:
            is_kept = images.get(tx, path) is not None or trash_rows.page(tx, trash_rows.Wanted(path=path), None, 1)
        if not is_kept and find(ctx, ASSETS + path) is None:  # rows may be lost, and come again
            delete_from(ctx.private, key)


def _sweep_variants(ctx: Context) -> None:
    """Those of photos that are gone."""
    made = {stat.key.split("/")[1] for stat in ctx.variants.list(VARIANTS)}
    with read(ctx.database) as tx:
        shown = images.digests(tx)
    for sha256 in sorted(made - shown):
        renditions.discard(ctx, sha256)


def _old(store: Store, folder: str, before: float) -> list[Key]:
    return [stat.key for stat in store.list(folder) if stat.modified < before]
