"""Makes a site ready to be served: the database migrated, the derived tables made from the files.

Every process may call it, at the same time too.
"""

from __future__ import annotations

import dataclasses
import gc
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager

from cms.actions import keep_git, leftovers, mark, reconcile, reserve
from cms.actions.absorb import Origin
from cms.actions.absorb_images import settle_visibility
from cms.actions.recall import recall
from cms.actions.reconcile import Progress, Reconciler, Report
from cms.context import Context
from cms.database import changes, collections, damage, photo_visibility, renewal, search, sessions
from cms.database.derived import FORMAT, derived
from cms.database.engine import filling, read, write
from cms.database.migrations import migrate
from cms.database.refusals import REBUILDING
from cms.errors import Unavailable
from cms.settings import Settings

SETTLE_S = 30.0
_LOCK = "start"


def stamp_of(settings: Settings) -> str:
    """Names how the derived tables are made: whatever their content depends on, the files aside."""
    facts = (str(FORMAT), settings.media_base, settings.variants_base, settings.timezone)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def prepare(ctx: Context, progress: Progress | None = None) -> int:
    """Ready the database, and return how many files were read for that.

    When its derived tables were made otherwise or never, they are made of all files, which takes a while. Raise
    `Unavailable` when the database is lost.
    """
    sessions.check(ctx.settings.database)
    reserve.make_room(ctx)  # SQLite opens no database on a full disk
    mark.check(ctx)
    migrate(ctx.database)
    mark.put(ctx)
    leftovers.clear_site(ctx)
    read = 0 if _is_built(ctx) else _build(ctx, progress)
    keep_git.prepare(ctx)
    return read


def is_prepared(ctx: Context) -> bool:
    """Return whether `prepare` has been called, and would make no tables now. Nothing is made or changed; raise
    `Unavailable` when the database is lost."""
    if not mark.is_there(ctx):
        return False
    mark.check(ctx)
    try:
        return _is_built(ctx)
    except Unavailable as error:
        if error.code != REBUILDING:
            raise
        return False  # another version has made the tables, and named them otherwise


def _build(ctx: Context, progress: Progress | None) -> int:
    with ctx.locks.hold([_LOCK]):
        return 0 if _is_built(ctx) else _fill(ctx, progress)


def rebuild(ctx: Context) -> None:
    """Make the derived tables again, whatever is left of them, beside a service that is running: until they are whole,
    transactions that need them are refused. `Unavailable` when somebody is at it already."""
    with ctx.locks.hold([_LOCK], wait_s=0):
        if damage.unreadable(ctx.database, derived):
            renewal.discard(ctx.database)
        with write(ctx.database) as tx:
            collections.clear_derived(tx)
            changes.skip(tx)  # whoever has read what was damaged reads it again
        _fill(ctx, None)


def _fill(ctx: Context, progress: Progress | None) -> int:
    """Make the derived tables, and return how many files were read."""
    with filling(ctx.database) as database, _undisturbed():
        with write(database) as tx:
            collections.clear_derived(tx)
            search.set_filling(tx, True)
        reconciler = Reconciler(dataclasses.replace(ctx, database=database), is_filling=True)
        read = settle(reconciler, progress=progress).read
        recall(reconciler.ctx)
        reconciler.is_filling = False
        read += settle(reconciler).read
        with write(database) as tx:
            search.set_filling(tx, False)
            photo_visibility.unsettle_all(tx)
            settle_visibility(ctx, tx, Origin("files", "files"), is_whole=True)
            collections.set_built(tx, ctx.stamp)
    return read


@contextmanager
def _undisturbed() -> Iterator[None]:
    """What is read for a moment only need not be looked through for cycles, again and again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def settle(reconciler: Reconciler, *, accept_deletions: bool = False, progress: Progress | None = None) -> Report:
    """Pass over the site until nothing is left for a next pass, or for `SETTLE_S` while it keeps changing."""
    whole = Report()
    deadline = time.monotonic() + SETTLE_S
    while True:
        report = reconciler.run(accept_deletions=accept_deletions, progress=progress)
        whole.read += report.read
        whole.deleted += report.deleted
        whole.unsettled, whole.held = report.unsettled, report.held
        if report.held is not None or not report.unsettled or time.monotonic() > deadline:
            return whole
        time.sleep(reconcile.STILL_S)


def _is_built(ctx: Context) -> bool:
    with read(ctx.database) as tx:
        return collections.built_stamp(tx) == ctx.stamp
