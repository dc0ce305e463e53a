"""Indexes files that a pass has read: new and changed ones, and those that are gone.

Files are indexed many at a time. One that makes this fail is found, and is a broken article; the others go in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.actions import absorb, absorb_images, absorb_new, absorb_new_images, late, late_articles, late_photos
from cms.actions.absorb import File, Origin
from cms.actions.authorship import Authorship
from cms.actions.reading import Found
from cms.actions.seen import Seen
from cms.actions.survey import find
from cms.context import Context
from cms.database import collections, intents, photo_visibility
from cms.database.batches import in_steps
from cms.database.engine import read, write
from cms.errors import Unavailable
from cms.model import article as article_file
from cms.model import ids
from cms.model.image import Image
from cms.store.base import Stat

log = logging.getLogger("cms.indexing")

Batch = Sequence[tuple[Stat, Found]]


def index_files(
    ctx: Context, seen: Seen, batch: Batch, moved: Mapping[str, str], authorship: Authorship, *, is_last: bool
) -> None:
    """Index files that have changed; `moved` has the old key of each that lay elsewhere, by its new key.

    One file never holds up another: when all of them together cannot be indexed, each is indexed alone. `is_last` says
    that nothing is left for this pass. Raise `Unavailable` when a store or the database does not answer.
    """
    index = _Indexing(ctx, seen, moved, authorship)
    try:
        index.together(batch, is_last=is_last)
    except Unavailable:
        raise  # no file is to blame
    except Exception:
        log.exception("%d files cannot be indexed together; each is tried alone", len(batch))
        for number, (stat, found) in enumerate(batch, start=1):
            index.alone(stat, found, is_last=is_last and number == len(batch))


@dataclass(frozen=True, slots=True)
class _Indexing:
    """What does not differ between the files of one pass."""

    ctx: Context
    seen: Seen
    moved: Mapping[str, str]
    authorship: Authorship

    def alone(self, stat: Stat, found: Found, *, is_last: bool) -> None:
        """Index one file; one that cannot be indexed is a broken article with that reason."""
        try:
            self.together([(stat, found)], is_last=is_last)
        except Unavailable:
            raise
        except Exception as error:
            log.exception("%s cannot be indexed", stat.key)
            if not isinstance(found, Image):
                article, text = found
                broken = article_file.broken(stat.key, article.version, (article_file.unreadable(error),))
                self.together([(stat, (broken, text))], is_last=is_last)

    def together(self, batch: Batch, *, is_last: bool) -> None:
        """Index, under their locks, those of the files that are as they were read."""
        keys = [stat.key for stat, _ in batch]
        committed = self.authorship.of_files({key: self.seen.store(key) for key in keys})
        old_keys = [self.moved[key] for key in keys if key in self.moved]
        with self.ctx.locks.hold([*keys, *old_keys]):
            _put_back(self.ctx, {stat.key: _version(found) for stat, found in batch})
            still = _still(self.seen, batch)
            with write(self.ctx.database) as tx:
                under_way = intents.keys(tx)
                self._index(tx, [one for one in still if one[0].key not in under_way], committed)
                settle(self.ctx, tx, is_whole=is_last)

    def _index(self, tx: Connection, batch: Batch, committed: Mapping[str, Origin]) -> None:
        photos: list[tuple[Image, str, Origin]] = []
        new: list[tuple[File, Origin]] = []
        for stat, found in batch:
            by = committed.get(stat.key) or Origin("files", "files", min(stat.modified, time.time()))
            old_key, mark = self.moved.get(stat.key, ""), self.seen.mark(stat)
            if isinstance(found, Image):
                photos.append((found, mark, by))
            elif old_key and find(self.ctx, old_key) is None:
                absorb.absorb_article(self.ctx, tx, File(*found, mark), by, old_key)
            else:
                new.append((File(*found, mark), by))
        absorb_new_images.absorb_images(self.ctx, tx, photos)
        absorb_new.absorb_articles(self.ctx, tx, new)


def index_deletions(ctx: Context, keys: Sequence[str], authorship: Authorship) -> int:
    """Take the files at these keys out of the index, unless they are there again; return how many were."""
    done = 0
    for batch in in_steps(keys):
        committed = authorship.of_deletions(batch)
        with ctx.locks.hold(batch):
            _put_back(ctx, dict.fromkeys(batch, ""))
            still = [key for key in batch if find(ctx, key) is None]
            with write(ctx.database) as tx:
                for key in still:
                    _index_deletion(ctx, tx, key, committed.get(key) or Origin("files", "files"))
                settle(ctx, tx, is_whole=False)
            done += len(still)
    return done


def settle(ctx: Context, tx: Connection, *, is_whole: bool) -> None:
    """Make photos public or hidden as what was indexed asks for; `is_whole` at the end of a pass.

    While the tables are made, not all articles that show a photo are there, and nothing is done.
    """
    if collections.built_stamp(tx) == ctx.stamp:
        absorb_images.settle_visibility(ctx, tx, Origin("files", "files"), is_whole=is_whole)


def is_unsettled(ctx: Context) -> bool:
    """Return whether photos wait for `settle`, which the last files of a pass call otherwise."""
    with read(ctx.database) as tx:
        return photo_visibility.has_unsettled(tx) and collections.built_stamp(tx) == ctx.stamp


def _put_back(ctx: Context, there: Mapping[str, str]) -> None:
    """What others have saved, where something has come late to these places, at which these versions were found."""
    for intent in late.come(ctx, there):
        put_back = late_articles.put_back if ids.is_article(intent.new_key) else late_photos.put_back
        put_back(ctx, intent)


def _version(found: Found) -> str:
    return found.version if isinstance(found, Image) else found[0].version


def _still(seen: Seen, batch: Batch) -> list[tuple[Stat, Found]]:
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


def _index_deletion(ctx: Context, tx: Connection, key: str, by: Origin) -> None:
    if key.startswith(ids.ASSETS):
        absorb_images.absorb_image_deletion(ctx, tx, key.removeprefix(ids.ASSETS), by)
    else:
        absorb.absorb_deletion(ctx, tx, key, by)
