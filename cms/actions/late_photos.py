"""Puts right what comes late to a photo: its place is again as whoever was told so has left it.

The bytes of a photo that might be overwritten so are kept for that, where nobody else can read them.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import Connection

from cms.actions import late
from cms.actions.late import NOTHING, UNWANTED
from cms.actions.photo_files import delete_from, home, key_of, local_copy
from cms.context import Context
from cms.database import changes, intents
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import NotFound
from cms.model.ids import ASSETS
from cms.model.image import bytes_of
from cms.model.scopes import SERVICE
from cms.store.base import ABSENT, Key, Version

log = logging.getLogger("cms.late")

FOLDER = "late"


def settle(ctx: Context, intent: AnyRow) -> None:
    """Say whether it has come; the next pass takes it over. The caller holds the key."""
    key = Key(intent.new_key)
    is_there = (home(ctx, key).version(key) or NOTHING) == intent.new_version
    with write(ctx.database) as tx:
        (intents.close if is_there else intents.give_up)(tx, intent.id)


def end_upload(ctx: Context, tx: Connection, upload: AnyRow) -> None:
    """It is done; what was sent more than once may come again."""
    if late.was_repeated(ctx, upload.new_key):
        intents.add_given_up(tx, upload.actor, "", [(upload.new_key, upload.new_version)])


def undo_upload(ctx: Context, tx: Connection, upload: AnyRow) -> None:
    """It is undone; nothing of it may come any more."""
    if ctx.media.may_be_late:
        intents.add_given_up(tx, upload.actor, UNWANTED, [(upload.new_key, upload.new_version)])
    if late.was_repeated(ctx, upload.new_key) or upload.given_up_at is not None:  # it was tried to undo it before
        intents.add_given_up(tx, upload.actor, UNWANTED, [(upload.new_key, NOTHING)])


def left_by(change: AnyRow | None) -> str:
    """The digest of the photo's bytes after its last change."""
    return NOTHING if change is None or change.action == "deleted" else bytes_of(change.version)


def keep(ctx: Context, key: Key, file: Path) -> None:
    """Keep what has just been written there, if something might still come on top of it."""
    if late.is_expected(ctx, key):
        delete_from(ctx.private, _kept(key))
        ctx.private.write(_kept(key), file, expect=ABSENT)


def forget(ctx: Context, path: str) -> None:
    """What was kept so of a photo that is gone."""
    delete_from(ctx.private, _kept(key_of(path)))


def put_back(ctx: Context, intent: AnyRow) -> None:
    """As `late_articles.put_back`."""
    key = Key(intent.new_key)
    store = home(ctx, key)
    # It is the log that knows; the tables may be in the making.
    with read(ctx.database) as tx:
        latest = changes.latest(tx, "image", "", key.removeprefix(ASSETS))
    wanted = left_by(latest)
    found = Version(intent.new_version)
    if (store.version(key) or NOTHING) != found or wanted == found:
        return
    if wanted == NOTHING:
        if intent.old_version == UNWANTED or (latest is not None and latest.seq > intent.seq):
            log.warning("%s: what %s had begun came late, to a photo that is gone; it is removed", key, intent.actor)
            store.delete(key, expect=found)
        return
    try:
        with local_copy(ctx.private, _kept(key)) as (file, version):
            if version != wanted:
                return  # to be taken over as any other change
            log.warning("%s: what %s had begun came late; the photo that came since is put back", key, intent.actor)
            expect = ABSENT if found == NOTHING else found
            mine = late.write(ctx, ctx.media, SERVICE.name, key, file, expect=expect)
    except NotFound:
        return
    with write(ctx.database) as tx:
        late.end(ctx, tx, mine)


def _kept(key: Key) -> Key:
    return Key(f"{FOLDER}/{key}")
