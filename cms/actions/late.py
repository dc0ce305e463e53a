"""Writes files where that may take effect late: after the writer has lost the key's lock, or died.

What is about to be written is written down first. Whoever gets the key's lock next gives up what others had begun
there, and who was given up learns so before anybody is told that it was saved. What comes all the same is recognised
by that note, and put right (`late_articles.py`, `late_photos.py`). Where nothing is late, this writes and no more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from sqlalchemy import Connection

from cms.context import Context
from cms.database import clock, intents
from cms.database.engine import read
from cms.database.engine import write as write_rows
from cms.database.tables import AnyRow
from cms.errors import BUSY, Stale, Unavailable
from cms.store.base import ABSENT, Absent, Key, Store, Version, version_of

LATE_S = 3600.0
"""What has not come by then never will: Linux tries to send for a quarter of that."""

NOTHING = ""
"""The version where no file is."""
UNWANTED = "unwanted"
"""The old version of what may not come, even if nobody saves."""

Place = tuple[str, str]
"""A key, and the version that may come there."""


def write(
    ctx: Context, store: Store, actor: str, key: Key, data: bytes | Path, *, expect: Version | Absent
) -> AnyRow | None:
    """As the store's; gives what `end` is to be told in the transaction that follows. The caller holds the key."""
    intent = _begin(ctx, store, actor, (key, NOTHING if expect is ABSENT else expect), (key, version_of(data)))
    try:
        store.write(key, data, expect=expect)
    except Stale:
        _forget(ctx, intent)
        raise
    return intent


def undo(ctx: Context, store: Store, key: Key, written: bytes, before: bytes | None, intent: AnyRow | None) -> None:
    """Put back what was there before `write` (None: nothing), whose rows the database refuses; `Stale` when the file
    does not hold what was written any more. The caller holds the key."""
    if before is None:
        store.delete(key, expect=version_of(written))
    else:
        store.write(key, before, expect=version_of(written))
    _forget(ctx, intent)


def delete(ctx: Context, store: Store, actor: str, key: Key, *, expect: Version) -> AnyRow | None:
    """As the store's; else as `write`."""
    intent = _begin(ctx, store, actor, (key, expect), (key, NOTHING))
    try:
        store.delete(key, expect=expect)
    except Stale:
        _forget(ctx, intent)
        raise
    return intent


def end(ctx: Context, tx: Connection, intent: AnyRow | None) -> None:
    """It is done, and in the log; `Unavailable` when it was given up: the lock was lost, and others may have written
    since."""
    if intent is None:
        return
    close = intents.close if was_repeated(ctx, intent.new_key) else intents.remove
    if not close(tx, intent.id):
        raise given_up()


def given_up() -> Unavailable:
    detail = "The save took so long that others may have been faster; look at it again."
    return Unavailable(detail, code=BUSY, retry_after_s=1)


def was_repeated(ctx: Context, *keys: str) -> bool:
    """Whether any of them was sent more than once, and so may come again; who asks is told once."""
    told = [store.was_repeated(Key(key)) for store in {ctx.site, ctx.media} for key in keys]
    return any(told)


def give_up(tx: Connection, store: Store, *keys: str) -> None:
    """Whatever others have begun there; the caller holds the keys, so they do not any more."""
    for key in keys if store.may_be_late else ():
        intents.give_up_at(tx, key)


def come(ctx: Context, there: Mapping[str, str]) -> list[AnyRow]:
    """What has come though it was given up, or a second time; `there` has the versions that were found, by key."""
    expected = _expected(ctx, there)
    return [expected[place] for place in there.items() if place in expected]


def is_expected(ctx: Context, key: Key) -> bool:
    """Whether anything may come there so."""
    return bool(_expected(ctx, [key]))


def _expected(ctx: Context, keys: Collection[str]) -> dict[Place, AnyRow]:
    if not (ctx.site.may_be_late or ctx.media.may_be_late):
        return {}
    with read(ctx.database) as tx:
        return intents.given_up_writes(tx, keys, clock.now(tx) - LATE_S)


def _begin(ctx: Context, store: Store, actor: str, old: Place, new: Place) -> AnyRow | None:
    if not store.may_be_late:
        return None
    with write_rows(ctx.database) as tx:
        give_up(tx, store, old[0])
        return intents.add(tx, actor, old, new)


def _forget(ctx: Context, intent: AnyRow | None) -> None:
    if intent is not None:
        with write_rows(ctx.database) as tx:
            intents.forget(tx, intent.id)
