"""The background work of a site: takes over what changed in the files, commits to git, makes variants of photos, tells
webhooks, and clears away what has had its time."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cms.actions import renditions
from cms.actions.deliver import deliver_due
from cms.actions.keep_git import Keeper
from cms.actions.reconcile import Reconciler
from cms.actions.sweep import EVERY_S as SWEEP_EVERY_S
from cms.actions.sweep import sweep
from cms.context import Context
from cms.errors import CmsError

log = logging.getLogger("cms.worker")

EVERY_S = 1.0
BUSY_SHARE = 0.1
"""A pass over a large site takes a while; the next waits so long that passes take this share of the time at most."""


def work(ctx: Context, stop: threading.Event) -> None:
    """Work until `stop` is set; what fails is logged and tried again."""
    threads = [
        threading.Thread(target=_repeat, args=(Reconciler(ctx).run, stop), name="reconcile"),
        threading.Thread(target=_repeat, args=(Keeper(ctx).run, stop), name="git"),
        threading.Thread(target=_repeat, args=(lambda: deliver_due(ctx), stop), name="deliver"),
        threading.Thread(target=_repeat, args=(lambda: renditions.make(ctx, stop.is_set), stop), name="renditions"),
        threading.Thread(target=_repeat, args=(lambda: sweep(ctx), stop, SWEEP_EVERY_S), name="sweep"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _repeat(step: Callable[[], object], stop: threading.Event, every_s: float = EVERY_S) -> None:
    pause = 0.0
    while not stop.wait(pause):
        started = time.monotonic()
        try:
            step()
        except CmsError as error:
            log.warning("%s: %s", error.code, error.detail)
        except Exception:
            # The next round starts afresh; a worker that ended would leave the public site stale unnoticed.
            log.exception("background work failed")
        pause = max(every_s, (time.monotonic() - started) / BUSY_SHARE)
