"""Indexes files that a pass has read: new and changed ones, and those that are gone.

Files are indexed many at a time. One that makes this fail is found, and is a broken article; the others go in.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from cms.actions import absorb, absorb_images, absorb_new, absorb_new_images, late, late_articles, late_photos
from cms.actions.absorb import File, Origin
from cms.actions.authorship import Authorship
from cms.actions.reading import Found
from cms.actions.seen import Seen
from cms.actions.survey import find
from cms.context import Context
from cms.database import collections, intents
from cms.database.batches import in_steps
from cms.database.engine import write
from cms.errors import Unavailable
from cms.model import article as article_file
from cms.model import ids
from cms.model.image import Image
from cms.store.base import Stat

log = logging.getLogger("cms.indexing")

Batch = Sequence[tuple[Stat, Found]]


def index_files(ctx: Context, seen: Seen, batch: Batch, moved: Mapping[str, str], authorship: Authorship) -> None:
    """Index files that have changed; `moved` has the old key of each that lay elsewhere, by its new key.

    One file never holds up another: when all of them together cannot be indexed, each is indexed alone. Raise
    `Unavailable` when a store or the database does not answer.
    """
    try:
        _index(ctx, seen, batch, moved, authorship)
    except Unavailable:
        raise  # no file is to blame
    except Exception:
        log.exception("%d files cannot be indexed together; each is tried alone", len(batch))
        for stat, found in batch:
            _index_alone(ctx, seen, stat, found, moved, authorship)


def _index_alone(
    ctx: Context, seen: Seen, stat: Stat, found: Found, moved: Mapping[str, str], authorship: Authorship
) -> None:
    try:
        _index(ctx, seen, [(stat, found)], moved, authorship)
    except Unavailable:
        raise
    except Exception as error:
        log.exception("%s cannot be indexed", stat.key)
        if not isinstance(found, Image):
            article, text = found
            broken = article_file.broken(stat.key, article.version, (article_file.unreadable(error),))
            _index(ctx, seen, [(stat, (broken, text))], moved, authorship)


def _index(ctx: Context, seen: Seen, batch: Batch, moved: Mapping[str, str], authorship: Authorship) -> None:
    """Index, under their locks, those of the files that are as they were read."""
    keys = [stat.key for stat, _ in batch]
    committed = authorship.of_files({key: seen.store(key) for key in keys})
    old_keys = [moved[key] for key in keys if key in moved]
    with ctx.locks.hold([*keys, *old_keys]):
        _put_back(ctx, {stat.key: _version(found) for stat, found in batch})
        still = _still(seen, batch)
        with write(ctx.database) as tx:
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
                elif old_key and find(ctx, old_key) is None:
                    absorb.absorb_article(ctx, tx, File(*found, seen.mark(stat)), by, old_key)
                else:
                    new.append((File(*found, seen.mark(stat)), by))
            absorb_new_images.absorb_images(ctx, tx, photos)
            absorb_new.absorb_articles(ctx, tx, new)
            _settle(ctx, tx)


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
                _settle(ctx, tx)
            done += len(still)
    return done


def _settle(ctx: Context, tx: Connection) -> None:
    """While the tables are made, not all articles that show a photo are there."""
    if collections.built_stamp(tx) == ctx.stamp:
        absorb_images.settle_visibility(tx, Origin("files", "files"))


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
