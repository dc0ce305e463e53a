"""Brings the database in line with the store: at start, on a timer, and on command.

It does not believe half-seen edits: a file counts when it has been still for `STILL_S` and no git operation is under
way, a deletion when it was seen twice, and many deletions at once only when somebody says so.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection

from cms.actions import absorb, absorb_images
from cms.actions.absorb import File, Origin
from cms.actions.authorship import Authorship
from cms.actions.heal import heal
from cms.actions.notices import tell
from cms.actions.photo_files import image_in
from cms.actions.rules import fields_in
from cms.actions.survey import Seen, find, look, moves, too_many
from cms.context import Context
from cms.database import articles, collections, intents, values
from cms.database.engine import read, write
from cms.errors import Problem, Unavailable
from cms.model import article as article_file
from cms.model import ids
from cms.model.article import Article
from cms.model.image import Image
from cms.store.base import Stat, Store, version_of

T = TypeVar("T")

STILL_S = 0.5
MEDIA_EVERY_S = 60.0
BATCH = 100
HELD = "deletions_held"

Progress = Callable[[int, int], None]
"""Told how many files are done, of how many."""


@dataclass(slots=True)
class Report:
    """What one pass did; `unsettled` counts files that were left for the next."""

    read: int = 0
    deleted: int = 0
    unsettled: int = 0
    held: str | None = None


@dataclass(slots=True)
class Reconciler:
    """Remembers from one pass to the next what it has seen only once."""

    ctx: Context
    _moving: dict[str, tuple[str, float]] = field(default_factory=dict)
    _missed: dict[str, float] = field(default_factory=dict)
    _media_due: float = 0.0
    _authorship: Authorship = field(init=False)

    def __post_init__(self) -> None:
        self._authorship = Authorship(self.ctx)

    def run(self, *, accept_deletions: bool = False, progress: Progress | None = None) -> Report:
        """One pass over the whole site; `Unavailable` when a store or the database does not answer."""
        report = Report()
        if not self.ctx.site.is_settled():
            report.unsettled = 1
            return report
        heal(self.ctx)
        seen = look(self.ctx, at_media=self._is_media_due())
        moved = moves(seen)
        gone = [key for key in self._gone(seen) if key not in moved.values()]
        report.held = None if accept_deletions else self._too_many(seen, gone)
        tell(self.ctx, HELD, report.held)
        if report.held is not None:
            return report
        self._absorb_rules(seen)
        with read(self.ctx.database) as tx:
            under_way = intents.keys(tx)  # whoever is at work on it holds its lock, perhaps for long
        new = [stat for stat in seen.changed() if stat.key not in under_way]
        changed = [stat for stat in new if self._is_still(stat)]
        report.unsettled = len(new) - len(changed)
        for batch in _batches(changed):
            self._absorb(seen, batch, moved)
            report.read += len(batch)
            if progress is not None:
                progress(report.read, len(changed))
        believed = [key for key in gone if accept_deletions or self._missed_before(key)]
        report.deleted = self._absorb_deletions(believed)
        report.unsettled += len(gone) - len(believed)
        if report.unsettled:
            self._media_due = 0.0
        return report

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

    def _gone(self, seen: Seen) -> list[str]:
        gone = [key for key in seen.marks if key not in seen.stats]
        self._missed = {key: since for key, since in self._missed.items() if key not in seen.stats}
        return sorted(gone)

    def _missed_before(self, key: str) -> bool:
        first = self._missed.setdefault(key, time.monotonic())
        return time.monotonic() - first >= STILL_S

    def _is_still(self, stat: Stat) -> bool:
        """Untouched for a while by the store's clock, or, should the clocks differ, by our own observation."""
        if time.time() - STILL_S - stat.changed >= 0:
            self._moving.pop(stat.key, None)
            return True
        mark, since = self._moving.get(stat.key, ("", 0.0))
        if mark != stat.mark:
            self._moving[stat.key] = (stat.mark, time.monotonic())
            return False
        return time.monotonic() - since >= STILL_S

    def _absorb_rules(self, seen: Seen) -> None:
        """The collections, with the files that say what their articles must be."""
        names = seen.collections | set(seen.schemas)
        files = {name: (seen.schemas.get(name), seen.annotations.get(name)) for name in names}
        marks = {name: " ".join(stat.mark if stat else "-" for stat in pair) for name, pair in files.items()}
        with read(self.ctx.database) as tx:
            rows = {row.name: row for row in collections.all_of(tx)}
        known = {name: row.mark for name, row in rows.items()}
        if known == marks:
            return
        changed = [name for name in sorted(names) if known.get(name) != marks[name]]
        texts = {name: tuple(self._text(stat) for stat in files[name]) for name in changed}
        with write(self.ctx.database) as tx:
            for name in known.keys() - names:
                collections.remove(tx, name)
            for name, (schema, annotation) in texts.items():
                collections.put(tx, name, schema, annotation, marks[name])
                if schema != (rows[name].schema if name in rows else None):
                    values.find_missing(tx, name, fields_in(collections.get(tx, name)).values())
                if annotation != (rows[name].annotation if name in rows else None):
                    # It may say otherwise what is published.
                    articles.forget_marks(tx, name)
                    seen.forget(name)

    def _text(self, stat: Stat | None) -> str | None:
        data = None if stat is None else self.ctx.site.read(stat.key)
        return None if data is None else data.decode("utf-8", "replace")

    def _absorb(self, seen: Seen, batch: list[Stat], moved: dict[str, str]) -> None:
        """Read and parse outside the locks; under them, believe only what has not moved meanwhile."""
        prepared = [(stat, self._prepare(stat, seen)) for stat in batch]
        committed = self._authorship.of_files({stat.key: seen.store(stat.key) for stat in batch})
        old_keys = [moved[stat.key] for stat in batch if stat.key in moved]
        with self.ctx.locks.hold([*(stat.key for stat in batch), *old_keys]):
            still = [(stat, found) for stat, found in prepared if _is_as_seen(seen, stat)]
            with write(self.ctx.database) as tx:
                under_way = intents.keys(tx)
                for stat, found in still:
                    if stat.key in under_way:
                        continue
                    by = committed.get(stat.key) or Origin("files", "files", min(stat.modified, time.time()))
                    if isinstance(found, Image):
                        absorb_images.absorb_image(self.ctx, tx, found, seen.mark(stat), by)
                    else:
                        old_key = moved.get(stat.key, "")
                        is_moved = bool(old_key) and find(self.ctx, old_key) is None
                        file = File(*found, seen.mark(stat))
                        absorb.absorb_article(self.ctx, tx, file, by, old_key if is_moved else "")
                self._settle(tx)

    def _prepare(self, stat: Stat, seen: Seen) -> Image | tuple[Article, bytes | None]:
        store = seen.store(stat.key)
        if stat.key.startswith(ids.ASSETS):
            return read_image(store, stat)
        return read_article(self.ctx, store, stat)

    def _absorb_deletions(self, keys: list[str]) -> int:
        done = 0
        for batch in _batches(keys):
            committed = self._authorship.of_deletions(batch)
            with self.ctx.locks.hold(batch):
                still = [key for key in batch if find(self.ctx, key) is None]
                with write(self.ctx.database) as tx:
                    for key in still:
                        _absorb_one_deletion(self.ctx, tx, key, committed.get(key) or Origin("files", "files"))
                    self._settle(tx)
                done += len(still)
            for key in batch:
                self._missed.pop(key, None)
        return done

    def _settle(self, tx: Connection) -> None:
        """While the tables are made, not all articles that show a photo are there."""
        if collections.built_stamp(tx) == self.ctx.stamp:
            absorb_images.settle_visibility(tx, Origin("files", "files"))


def _is_as_seen(seen: Seen, stat: Stat) -> bool:
    now = seen.store(stat.key).stat(stat.key)
    return now is not None and now.mark == stat.mark


def read_article(ctx: Context, store: Store, stat: Stat) -> tuple[Article, bytes | None]:
    """The article in a file, and the file's bytes; broken when it cannot be read or is too large."""
    if stat.size > ctx.settings.limits.article_bytes:
        too_large = article_file.too_large(ctx.settings.limits)
        return article_file.broken(stat.key, "", too_large.problems), None
    try:
        data = store.read(stat.key)
    except Unavailable as error:
        problem = Problem("", f"the file cannot be read: {error.detail}", "unreadable")
        return article_file.broken(stat.key, "", (problem,)), None
    data = b"" if data is None else data
    return article_file.read(stat.key, data, version_of(data), ctx.settings.limits), data


def read_image(store: Store, stat: Stat) -> Image:
    """The photo in a file."""
    with store.open(stat.key) or io.BytesIO() as stream:
        return image_in(stream, stat.key.removeprefix(ids.ASSETS), stat.size)


def _absorb_one_deletion(ctx: Context, tx: Connection, key: str, by: Origin) -> None:
    if key.startswith(ids.ASSETS):
        absorb_images.absorb_image_deletion(ctx, tx, key.removeprefix(ids.ASSETS), by)
    else:
        absorb.absorb_deletion(ctx, tx, key, by)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        yield batch
