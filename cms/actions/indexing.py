"""Indexes files that a pass has read: new and changed ones, and those that are gone.

Files are indexed many at a time. One that makes this fail is found, and is a broken article or a photo of which nothing
is known but its bytes; the others go in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.actions import absorb, absorb_images, absorb_new, absorb_new_images, late, late_articles, late_photos
from cms.actions.absorb import File, Origin
from cms.actions.authorship import Authorship
from cms.actions.reading import Found
from cms.actions.seen import Seen
from cms.actions.survey import find
from cms.context import Context
from cms.database import changes, collections, intents, photo_visibility
from cms.database.batches import in_steps
from cms.database.engine import read, write
from cms.errors import Unavailable
from cms.model import article as article_file
from cms.model import ids
from cms.model.image import Image
from cms.store.base import Stat

log = logging.getLogger("cms.indexing")

Batch = Sequence[tuple[Stat, Found]]
Then = Callable[[Connection, int], None]
"""Called in the transaction that has indexed, with the log's seq before it."""


def index_files(
    ctx: Context, seen: Seen, batch: Batch, moved: Mapping[str, str], authorship: Authorship, *, is_last: bool
) -> None:
    """Index files that have changed; `moved` has the old key of each that lay elsewhere, by its new key.

    One file never holds up another: when all of them together cannot be indexed, each is indexed alone. `is_last` says
    that nothing is left for this pass. Raise `Unavailable` when a store or the database does not answer.
    """
    index = _Indexing(ctx, seen, moved, authorship)
    try:
        index.together(batch, lambda tx, since: settle(ctx, tx, is_whole=is_last, since=since))
    except Unavailable:
        raise  # no file is to blame
    except Exception:
        log.exception("%d files cannot be indexed together; each is tried alone", len(batch))
        for stat, found in batch:
            index.alone(stat, found)
        with write(ctx.database) as tx:
            settle(ctx, tx, is_whole=is_last)


@dataclass(frozen=True, slots=True)
class _Indexing:
    """The parts of indexing that all files of one pass share."""

    ctx: Context
    seen: Seen
    moved: Mapping[str, str]
    authorship: Authorship

    def alone(self, stat: Stat, found: Found) -> None:
        """Index one file, or what can be said of it; one of which nothing can be is logged."""
        try:
            self.together([(stat, found)])
        except Unavailable:
            raise
        except Exception as error:
            log.exception("%s cannot be indexed", stat.key)
            # The reason may not lie in the article's file: the next pass tries again.
            mark = None if isinstance(found, Image) else ""
            try:
                self.together([(stat, _failed(found, error))], mark=mark)
            except Unavailable:
                raise
            except Exception:
                log.exception("%s is left out", stat.key)

    def together(self, batch: Batch, then: Then | None = None, mark: str | None = None) -> None:
        """Index, under their locks, those of the files that are as they were read; then do `then` in the same
        transaction. Their marks are those of the store, unless `mark` is given."""
        keys = [stat.key for stat, _ in batch]
        committed = self.authorship.of_files({key: self.seen.store(key) for key in keys})
        old_keys = [self.moved[key] for key in keys if key in self.moved]
        with self.ctx.locks.hold([*keys, *old_keys]):
            _put_back(self.ctx, {stat.key: _version(found) for stat, found in batch})
            still = _still(self.seen, batch)
            with write(self.ctx.database) as tx:
                under_way, since = intents.keys(tx), changes.position(tx)[1]
                self._index(tx, [one for one in still if one[0].key not in under_way], committed, mark)
                if then is not None:
                    then(tx, since)

    def _index(self, tx: Connection, batch: Batch, committed: Mapping[str, Origin], given: str | None) -> None:
        photos: list[tuple[Image, str, Origin]] = []
        new: list[tuple[File, Origin]] = []
        for stat, found in batch:
            by = committed.get(stat.key) or Origin("files", "files", min(stat.modified, self.ctx.clock()))
            old_key, mark = self.moved.get(stat.key, ""), self.seen.mark(stat) if given is None else given
            if isinstance(found, Image):
                photos.append((found, mark, by))
            elif old_key and find(self.ctx, old_key) is None:
                absorb.absorb_article(self.ctx, tx, File(*found, mark), by, old_key)
            else:
                new.append((File(*found, mark), by))
        absorb_new_images.absorb_images(self.ctx, tx, photos)
        absorb_new.absorb_articles(self.ctx, tx, new)


def _failed(found: Found, error: Exception) -> Found:
    """Return what is indexed of a file when all that is in it cannot be."""
    if isinstance(found, Image):
        return Image(found.path, found.sha256, found.bytes, None, None, found.format)
    article, text = found
    return article_file.broken(article.key, article.version, (article_file.unreadable(error),)), text


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


def settle(ctx: Context, tx: Connection, *, is_whole: bool, since: int | None = None) -> None:
    """Make photos public or hidden as what was indexed asks for; `is_whole` at the end of a pass.

    A photo that was created after the seq `since`, in this transaction, is created as public or hidden at once.

    While the tables are made, not all articles that show a photo are there, and nothing is done.
    """
    if collections.built_stamp(tx) == ctx.stamp:
        absorb_images.settle_visibility(ctx, tx, Origin("files", "files"), is_whole=is_whole, since=since)


def is_unsettled(ctx: Context) -> bool:
    """Return whether photos wait for `settle`, which the last files of a pass call otherwise."""
    with read(ctx.database) as tx:
        return photo_visibility.has_unsettled(tx) and collections.built_stamp(tx) == ctx.stamp


def _put_back(ctx: Context, there: Mapping[str, str]) -> None:
    """Put back what others have saved where a late write has landed; `there` has the versions found, by key."""
    for intent in late.come(ctx, there):
        put_back = late_articles.put_back if ids.is_article(intent.new_key) else late_photos.put_back
        put_back(ctx, intent)


def _version(found: Found) -> str:
    return found.version if isinstance(found, Image) else found[0].version


def _still(seen: Seen, batch: Batch) -> list[tuple[Stat, Found]]:
    """Return the files that are as the scan saw them."""
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
