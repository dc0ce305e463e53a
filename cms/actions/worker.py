"""The background work of a site: takes over what changed in the files, publishes what is due, commits to git, makes
variants of photos, tells webhooks, makes derived tables again that are damaged, clears away what has had its time, and
keeps some room on the disk."""

from __future__ import annotations

import dataclasses
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from cms.actions import deliver, renditions, reserve
from cms.actions.examine import Examiner
from cms.actions.heal import heal
from cms.actions.keep_git import Keeper
from cms.actions.publish import publish_due
from cms.actions.reserve import EVERY_S as RESERVE_EVERY_S
from cms.actions.sweep import EVERY_S as SWEEP_EVERY_S
from cms.actions.sweep import sweep
from cms.actions.take_over import BUSY_SHARE, EVERY_S, take_over
from cms.actions.watch import EVERY_S as WATCH_EVERY_S
from cms.actions.watch import watch
from cms.context import Context
from cms.database.engine import checked
from cms.database.leases import Lease
from cms.database.refusals import REBUILDING
from cms.errors import CmsError

log = logging.getLogger("cms.worker")
T = TypeVar("T")

SENDERS = 8
"""So many webhooks are told at a time: one that answers slowly keeps no other waiting."""


def work(every: Context, stop: threading.Event) -> None:
    """Work until `stop` is set; what fails is logged and tried again."""
    ctx = dataclasses.replace(every, database=checked(every.database))
    sweeping = Lease(ctx.database, "sweep")
    threads = [
        threading.Thread(target=take_over, args=(every, stop, _guarded), name="reconcile"),
        threading.Thread(target=_repeat, args=(Examiner(every).run, stop), name="examine"),
        threading.Thread(target=_repeat, args=(lambda: heal(ctx), stop), name="heal"),
        threading.Thread(target=_repeat, args=(lambda: publish_due(ctx), stop), name="publish"),
        threading.Thread(target=_repeat, args=(Keeper(ctx).run, stop), name="git"),
        threading.Thread(target=_tell, args=(ctx, stop), name="deliver"),
        threading.Thread(target=_repeat, args=(lambda: renditions.make(ctx, stop.is_set), stop), name="renditions"),
        threading.Thread(target=_repeat, args=(partial(_sweep, ctx, sweeping), stop, SWEEP_EVERY_S), name="sweep"),
        threading.Thread(target=_repeat, args=(lambda: watch(ctx), stop, WATCH_EVERY_S), name="watch"),
        threading.Thread(target=_repeat, args=(lambda: reserve.keep(ctx), stop, RESERVE_EVERY_S), name="reserve"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _tell(ctx: Context, stop: threading.Event) -> None:
    with ThreadPoolExecutor(SENDERS, "deliver") as senders:

        def step() -> None:
            for webhook_id in deliver.due(ctx):
                senders.submit(_guarded, partial(deliver.deliver, ctx, webhook_id))

        _repeat(step, stop)


def _sweep(ctx: Context, lease: Lease) -> None:
    if lease.claim(SWEEP_EVERY_S / 2):
        sweep(ctx)


def _repeat(step: Callable[[], object], stop: threading.Event, every_s: float = EVERY_S) -> None:
    pause = 0.0
    while not stop.wait(pause):
        started = time.monotonic()
        _guarded(step)
        pause = max(every_s, (time.monotonic() - started) / BUSY_SHARE)


def _guarded(step: Callable[[], T]) -> T | None:
    """What it returns; None when it failed."""
    try:
        return step()
    except CmsError as error:
        level = logging.DEBUG if error.code == REBUILDING else logging.WARNING  # who makes them tells of it
        log.log(level, "%s: %s", error.code, error.detail)
    except Exception:
        # The next round starts afresh; a worker that ended would leave the public site stale unnoticed.
        log.exception("background work failed")
    return None
