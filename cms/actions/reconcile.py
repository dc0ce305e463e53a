"""Brings the database in line with the store: at start, on a timer, when files are said to have changed, and on
command.

It does not believe half-seen edits: a file counts when it has been still for `STILL_S` and no git operation is under
way, a deletion when it was seen twice, and many deletions at once only when somebody says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from cms.actions import indexing
from cms.actions.absorb_rules import absorb_rules
from cms.actions.authorship import Authorship
from cms.actions.doubts import Doubts
from cms.actions.heal import heal
from cms.actions.notices import tell
from cms.actions.reading import read_all
from cms.actions.seen import Seen
from cms.actions.survey import MANY_GONE, look, look_at, moves, too_many
from cms.context import Context
from cms.database import collections, intents
from cms.database.engine import read, write
from cms.model import ids

log = logging.getLogger("cms.reconcile")

STILL_S = 0.5
MEDIA_EVERY_S = 60.0
HELD = "deletions_held"

Progress = Callable[[int, int], None]
"""Called with the number of files that are indexed so far, and the number of all files of this pass."""


@dataclass(slots=True)
class Report:
    """What one pass did; `unsettled` counts files that were left for the next, which has to look at them again at
    least (`left`), or at the whole site when that is None."""

    read: int = 0
    deleted: int = 0
    unsettled: int = 0
    held: str | None = None
    left: frozenset[str] | None = None


@dataclass(slots=True)
class Reconciler:
    """Remembers from one pass to the next what it has seen only once. With `is_filling` the tables are being made, and
    what was broken off waits until they say what there was."""

    ctx: Context
    is_filling: bool = False
    _media_due: float = 0.0
    _is_held: bool = False
    _begun: Seen | None = None
    _doubts: Doubts = field(init=False)
    _authorship: Authorship = field(init=False)

    def __post_init__(self) -> None:
        self._doubts = Doubts(self.ctx.clock)
        self._authorship = Authorship(self.ctx)

    def run(self, *, accept_deletions: bool = False, progress: Progress | None = None) -> Report:
        """One pass over the whole site; `Unavailable` when a store or the database does not answer."""
        if not self.ctx.site.is_settled():
            return Report(unsettled=1)
        if not self.is_filling:
            self._recover()
        seen = self._look()
        moved = moves(seen)
        gone = [] if accept_deletions else self._not_moved(seen, moved)
        held = self._too_many(seen, gone)
        self._is_held = held is not None
        tell(self.ctx, HELD, held)
        if held is not None:
            return Report(held=held)
        absorb_rules(self.ctx, seen)
        report = self._take_over(seen, moved, accept_deletions=accept_deletions, progress=progress)
        if report.unsettled:
            self._media_due = 0.0
        return report

    def _recover(self) -> None:
        """Finish or undo what was begun; what cannot be is logged, and the pass goes on."""
        try:
            heal(self.ctx)
        except Exception:
            log.exception("what was begun cannot be finished or undone")

    def _look(self) -> Seen:
        """At the whole site; what was broken off is gone on with."""
        seen = self._begun = self._begun or Seen(self.ctx)
        look(seen, at_media=self._is_media_due())
        self._begun = None
        return seen

    def run_at(self, places: Collection[str]) -> Report:
        """As `run`, of these files, and of all below these folders, whose names end in a slash; what takes a look at
        the whole site is left to that."""
        if self._is_held or not self.ctx.site.is_settled():
            return Report(unsettled=1)
        seen = look_at(self.ctx, places)
        moved = moves(seen)
        gone = self._not_moved(seen, moved)
        if len(gone) > MANY_GONE or self._too_many(seen, gone) is not None or self._has_new_collection(seen):
            return Report(unsettled=1)
        return self._take_over(seen, moved)

    def _has_new_collection(self, seen: Seen) -> bool:
        named = {ids.split_key(key)[0] for key in seen.changed if ids.is_article(key)}
        if not named:
            return False
        with read(self.ctx.database) as tx:
            return not named <= {row.name for row in collections.all_of(tx)}

    def _take_over(
        self, seen: Seen, moved: dict[str, str], *, accept_deletions: bool = False, progress: Progress | None = None
    ) -> Report:
        report = Report()
        with read(self.ctx.database) as tx:
            under_way = intents.keys(tx)  # whoever is at work on it holds its lock, perhaps for long
        new = [stat for stat in seen.in_order() if stat.key not in under_way]
        changed = [stat for stat in new if self._doubts.is_still(stat, STILL_S)]
        # What is still to come may show the photos that have come.
        is_all = len(changed) == len(new)
        for batch in read_all(self.ctx.settings.limits, self.ctx.site, changed, seen.store):
            report.read += len(batch)
            is_last = is_all and report.read == len(changed)
            indexing.index_files(self.ctx, seen, batch, moved, self._authorship, is_last=is_last)
            if progress is not None:
                progress(report.read, len(changed))
        if is_all and indexing.is_unsettled(self.ctx):
            with write(self.ctx.database) as tx:
                indexing.settle(self.ctx, tx, is_whole=True)
        gone = self._not_moved(seen, moved)
        is_believed = accept_deletions or self._doubts.are_gone(gone, STILL_S)
        if is_believed:
            report.deleted = indexing.index_deletions(self.ctx, gone, self._authorship)
        left = {stat.key for stat in seen.changed.values()} - {stat.key for stat in changed}
        report.left = frozenset(left if is_believed else left.union(gone))
        report.unsettled = len(new) - len(changed) + (0 if is_believed else len(gone))
        if self.ctx.media is not self.ctx.site and any(key.startswith(ids.ASSETS) for key in report.left):
            report.left = None  # it may be of the media store
        return report

    def _not_moved(self, seen: Seen, moved: dict[str, str]) -> list[str]:
        places = set(moved.values())
        return [key for key in seen.gone if key not in places]

    def _too_many(self, seen: Seen, gone: list[str]) -> str | None:
        """Why so many deletions are not believed; what a commit has deleted is meant to be gone."""
        held = too_many(seen, gone)
        if held is None or self.ctx.repository is None:
            return held
        meant = self._authorship.of_deletions(gone)
        return too_many(seen, [key for key in gone if key not in meant])

    def _is_media_due(self) -> bool:
        """Listing a bucket costs money; once all is settled, it is looked at only now and then."""
        due = time.monotonic() >= self._media_due
        if due:
            self._media_due = time.monotonic() + MEDIA_EVERY_S
        return due
