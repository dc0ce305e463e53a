"""Brings the database in line with the store: at start, on a timer, when files are said to have changed, and on
command.

It does not believe half-seen edits: a file counts when it has been still for `STILL_S` and no git operation is under
way, a deletion when it was seen twice, and many deletions at once only when somebody says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from cms.actions import absorb, absorb_images, absorb_new, absorb_new_images, late, late_articles, late_photos
from cms.actions.absorb import File, Origin
from cms.actions.absorb_rules import absorb_rules
from cms.actions.authorship import Authorship
from cms.actions.doubts import Doubts
from cms.actions.heal import heal
from cms.actions.notices import tell
from cms.actions.reading import Found, read_all
from cms.actions.seen import Seen
from cms.actions.survey import MANY_GONE, find, look, look_at, moves, too_many
from cms.context import Context
from cms.database import collections, intents
from cms.database.batches import in_steps
from cms.database.engine import read, write
from cms.model import ids
from cms.model.image import Image
from cms.store.base import Stat

STILL_S = 0.5
MEDIA_EVERY_S = 60.0
HELD = "deletions_held"

Progress = Callable[[int, int], None]
"""Told how many files are done, of how many."""


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
    _doubts: Doubts = field(default_factory=Doubts)
    _media_due: float = 0.0
    _is_held: bool = False
    _begun: Seen | None = None
    _authorship: Authorship = field(init=False)

    def __post_init__(self) -> None:
        self._authorship = Authorship(self.ctx)

    def run(self, *, accept_deletions: bool = False, progress: Progress | None = None) -> Report:
        """One pass over the whole site; `Unavailable` when a store or the database does not answer."""
        if not self.ctx.site.is_settled():
            return Report(unsettled=1)
        if not self.is_filling:
            heal(self.ctx)
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
        for batch in read_all(self.ctx.settings.limits, self.ctx.site, changed, seen.store):
            self._absorb(seen, batch, moved)
            report.read += len(batch)
            if progress is not None:
                progress(report.read, len(changed))
        gone = self._not_moved(seen, moved)
        is_believed = accept_deletions or self._doubts.are_gone(gone, STILL_S)
        if is_believed:
            report.deleted = self._absorb_deletions(gone)
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

    def _absorb(self, seen: Seen, batch: list[tuple[Stat, Found]], moved: dict[str, str]) -> None:
        """What was read outside the locks is believed under them if it has not changed meanwhile."""
        keys = [stat.key for stat, _ in batch]
        committed = self._authorship.of_files({key: seen.store(key) for key in keys})
        old_keys = [moved[key] for key in keys if key in moved]
        with self.ctx.locks.hold([*keys, *old_keys]):
            _put_back(self.ctx, {stat.key: _version(found) for stat, found in batch})
            still = _still(seen, batch)
            with write(self.ctx.database) as tx:
                under_way = intents.keys(tx)
                photos: list[tuple[Image, str, Origin]] = []
                new: list[tuple[File, Origin]] = []
                for stat, found in still:
                    if stat.key in under_way:
                        continue
                    by = committed.get(stat.key) or Origin("files", "files", min(stat.modified, time.time()))
                    old_key = moved.get(stat.key, "")
                    if isinstance(found, Image):
                        photos.append((found, seen.mark(stat), by))
                    elif old_key and find(self.ctx, old_key) is None:
                        absorb.absorb_article(self.ctx, tx, File(*found, seen.mark(stat)), by, old_key)
                    else:
                        new.append((File(*found, seen.mark(stat)), by))
                absorb_new_images.absorb_images(self.ctx, tx, photos)
                absorb_new.absorb_articles(self.ctx, tx, new)
                self._settle(tx)

    def _absorb_deletions(self, keys: list[str]) -> int:
        done = 0
        for batch in in_steps(keys):
            committed = self._authorship.of_deletions(batch)
            with self.ctx.locks.hold(batch):
                _put_back(self.ctx, dict.fromkeys(batch, ""))
                still = [key for key in batch if find(self.ctx, key) is None]
                with write(self.ctx.database) as tx:
                    for key in still:
                        _absorb_one_deletion(self.ctx, tx, key, committed.get(key) or Origin("files", "files"))
                    self._settle(tx)
                done += len(still)
        return done

    def _settle(self, tx: Connection) -> None:
        """While the tables are made, not all articles that show a photo are there."""
        if collections.built_stamp(tx) == self.ctx.stamp:
            absorb_images.settle_visibility(tx, Origin("files", "files"))


def _put_back(ctx: Context, there: Mapping[str, str]) -> None:
    """What others have saved, where something has come late to these places, at which these versions were found."""
    for intent in late.come(ctx, there):
        put_back = late_articles.put_back if ids.is_article(intent.new_key) else late_photos.put_back
        put_back(ctx, intent)


def _version(found: Found) -> str:
    return found.version if isinstance(found, Image) else found[0].version


def _still(seen: Seen, batch: list[tuple[Stat, Found]]) -> list[tuple[Stat, Found]]:
    """Those of the files that are as they were seen."""
    marks: dict[str, str] = {}
    for in_media, store in ((False, seen.ctx.site), (True, seen.ctx.media)):
        keys = [stat.key for stat, _ in batch if (stat.key in seen.in_media) == in_media]
        marks |= {stat.key: stat.mark for stat in store.stats(keys)}
    return [
        (stat, found) for stat, found in batch if marks.get(stat.key) == stat.mark and not _is_other(seen, stat, found)
    ]


def _is_other(seen: Seen, stat: Stat, found: Found) -> bool:
    """Whether other bytes were read than were seen to be there, as may happen for a moment."""
    text = None if isinstance(found, Image) else found[1]
    return text is not None and seen.is_racy(stat) and not seen.store(stat.key).is_of(stat, text)


def _absorb_one_deletion(ctx: Context, tx: Connection, key: str, by: Origin) -> None:
    if key.startswith(ids.ASSETS):
        absorb_images.absorb_image_deletion(ctx, tx, key.removeprefix(ids.ASSETS), by)
    else:
        absorb.absorb_deletion(ctx, tx, key, by)
