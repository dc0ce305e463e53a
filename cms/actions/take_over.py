"""Takes over what others change in the files: at once where the system tells of it, and in passes over the whole site,
which are the net."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial

from cms.actions import reconcile
from cms.actions.reconcile import Reconciler, Report
from cms.actions.seen import SCHEMAS, is_photo_key, is_rule
from cms.actions.steps import Step
from cms.context import Context
from cms.database.leases import Lease
from cms.errors import Unavailable
from cms.model import ids
from cms.store import events
from cms.store.directory import DirectoryStore

log = logging.getLogger("cms.watching")

EVERY_S = 1.0
BUSY_SHARE = 0.1
"""A look at all files of a large site takes a while; the next waits so long that looks take this share of the time."""
NET_SHARE = 0.01
"""The same while the system tells of changes."""
MOST_PAUSE_S = 900.0
"""But no look waits longer."""
LEASE_S = 30.0
"""So long after the last sign of a node another makes the passes."""
LEASE_SHARE = 3.0
"""Of the time that a pass takes, besides the pause after it."""
MOST_PLACES = 1000
"""More than that are looked at in a pass over the whole site."""
AGAIN_S = 60.0
_FOLDERS = (ids.CONTENT.rstrip("/"), ids.ASSETS.rstrip("/"), SCHEMAS.rstrip("/"))
_WHAT_NOW = (
    "Until it does, all files are looked at again and again, which takes longer; raise fs.inotify.max_user_watches"
    " or fs.inotify.max_user_instances (sysctl)."
)


@dataclass(slots=True)
class News:
    """What may have changed, from the thread that listens to the one that looks; `is_told` says whether the system
    tells of it."""

    is_told: bool = False
    _places: set[str] = field(default_factory=set)
    _is_all: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _came: threading.Event = field(default_factory=threading.Event)

    def add(self, places: Collection[str] | None) -> None:
        """None for the whole site."""
        if places is not None and not places:
            return
        with self._lock:
            self._is_all |= places is None or len(self._places) + len(places) > MOST_PLACES
            self._places = set() if self._is_all else self._places.union(places or ())
        self._came.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether there is something now."""
        return self._came.wait(max(0.0, timeout_s))

    def take(self) -> set[str] | None:
        with self._lock:
            places, is_all = self._places, self._is_all
            self._places, self._is_all = set(), False
            self._came.clear()
        return None if is_all else places


def take_over(ctx: Context, stop: threading.Event, step: Step) -> None:
    """Go on until `stop` is set; each pass is a round of the step."""
    news, is_begun = News(), threading.Event()
    listener = threading.Thread(target=_listen, args=(ctx, news, stop, is_begun), name="listen")
    listener.start()
    is_begun.wait()  # what is changed from now on is told, or the first pass sees it
    lease = Lease(ctx.database, f"reconcile {ctx.stamp}")  # another version has tables of its own to keep right
    passes = _Passes(ctx, news, step, Reconciler(ctx), lease)
    while not stop.is_set():
        step.show_alive()
        passes.go_on(stop)
    step.run(passes.lease.release)
    listener.join()


@dataclass(slots=True)
class _Passes:
    """`left` is to be looked at once more; `ended` is when the last pass over the whole site did. `took` is how many
    seconds a look at all files takes, by the last pass that found nothing to do, or failed."""

    ctx: Context
    news: News
    step: Step
    reconciler: Reconciler
    lease: Lease
    left: set[str] = field(default_factory=set)
    wants_all: bool = True
    ended: float = 0.0
    took: float = 0.0

    def go_on(self, stop: threading.Event) -> None:
        """Wait until something is due, and do it."""
        if not self.left and self.news.wait(min(self._due() - time.monotonic(), EVERY_S)):
            self.left = self._told()
        if self.left:
            stop.wait(reconcile.STILL_S)  # what has just been written is still by then
            self.left |= self._told()
        if stop.is_set():
            return
        if time.monotonic() >= self._due():
            self.wants_all = False
            self._look(self._run)
            self.ended = time.monotonic()
        elif self.left:
            self._look(partial(self.reconciler.run_at, self.left))

    def _run(self) -> Report:
        """A pass over the whole site, unless another node makes them."""
        if not self._claim():
            return Report(left=frozenset())
        started, report = time.monotonic(), Report()
        try:
            report = self.reconciler.run(progress=self._go_on_claiming)
        finally:
            if not report.read and not report.deleted:
                self.took = time.monotonic() - started
        return report

    def _go_on_claiming(self, _done: int, _total: int) -> None:
        self._claim()

    def _claim(self) -> bool:
        """Whether the passes are this node's until the pass after this one has been due for a while."""
        self.step.show_alive()
        lease_s = self._pause_s() + max(self.ctx.settings.scan_s, LEASE_SHARE * self.took)
        return self.lease.claim(max(LEASE_S, lease_s))

    def _told(self) -> set[str]:
        found = self.news.take()
        self.wants_all |= found is None
        return found or set()

    def _due(self) -> float:
        """When the next pass over the whole site is."""
        return self.ended + self._pause_s()

    def _pause_s(self) -> float:
        is_bucket = not isinstance(self.ctx.site, DirectoryStore)  # listing one costs money
        is_soon = self.wants_all or not (self.news.is_told or is_bucket)
        every_s = EVERY_S if is_soon else self.ctx.settings.scan_s
        share = BUSY_SHARE if is_soon or is_bucket else NET_SHARE
        return max(every_s, min(self.took / share, MOST_PAUSE_S))

    def _look(self, look: Callable[[], Report]) -> None:
        report = self.step.run(look)
        rest = None if report is None else report.left
        self.wants_all |= rest is None
        self.left = set(rest or ())


def _listen(ctx: Context, news: News, stop: threading.Event, is_begun: threading.Event) -> None:
    is_said = False
    while isinstance(ctx.site, DirectoryStore) and not stop.is_set():
        try:
            for places in events.changes(ctx.site.root, _FOLDERS, stop):
                news.is_told, is_said = True, False
                news.add(_relevant(places))
                is_begun.set()
        except Unavailable as error:
            if not is_said:
                log.warning("%s %s", error.detail, _WHAT_NOW)
            is_said = True
        news.is_told = False
        is_begun.set()
        stop.wait(AGAIN_S)
    is_begun.set()


def _relevant(places: set[str] | None) -> set[str] | None:
    """What a pass looks at; None for the whole site, as when the rules of a collection may be others."""
    if places is None or any(map(is_rule, places)):
        return None
    return {place for place in places if ids.is_article(place) or is_photo_key(place) or _is_folder(place)}


def _is_folder(place: str) -> bool:
    return place.endswith("/") and place.startswith((ids.CONTENT, ids.ASSETS))
