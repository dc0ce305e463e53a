"""Brings the photos of a site into its media store, and back: the same paths, byte for byte.

What is there already stays; running it again goes on where it was broken off.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from cms.actions import absorb_images
from cms.actions.absorb import Origin
from cms.actions.reconcile import Progress, read_image
from cms.actions.survey import MEDIA_MARK
from cms.context import Context
from cms.database import images
from cms.database.engine import read, write
from cms.errors import CmsError, Invalid
from cms.model import ids
from cms.model.refs import is_image_name
from cms.store.base import ABSENT, Stat, Store, Version, version_of

AT_ONCE = 8


@dataclass(slots=True)
class Report:
    """How many photos were sent and how many were there already; of the others, what stands in their way."""

    sent: int = 0
    same: int = 0
    refused: list[str] = field(default_factory=list)


def push(ctx: Context, progress: Progress | None = None) -> Report:
    """Send the site's photos to the media store."""
    return _transfer(ctx, ctx.site, ctx.media, progress)


def pull(ctx: Context, progress: Progress | None = None) -> Report:
    """Bring the media store's photos into the site."""
    return _transfer(ctx, ctx.media, ctx.site, progress)


def _transfer(ctx: Context, source: Store, target: Store, progress: Progress | None) -> Report:
    if source is target:
        raise Invalid("The photos are in the site itself; CMS_MEDIA names no other place for them.")
    report = Report()
    stats = sorted((stat for stat in source.list(ids.ASSETS) if is_image_name(stat.key)), key=lambda stat: stat.key)
    for done, (stat, outcome) in enumerate(_outcomes(ctx, source, target, stats), start=1):
        report.sent += outcome == "sent"
        report.same += outcome == "same"
        if outcome not in ("sent", "same"):
            report.refused.append(f"{stat.key}: {outcome}")
        if progress is not None:
            progress(done, len(stats))
    return report


def _outcomes(ctx: Context, source: Store, target: Store, stats: list[Stat]) -> Iterator[tuple[Stat, str]]:
    """What became of each photo, `AT_ONCE` of them under way; an interrupt lets those be finished."""
    remaining = iter(stats)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[str], Stat] = {}
        while True:
            for stat in remaining:
                running[pool.submit(_one, ctx, source, target, stat)] = stat
                if len(running) == AT_ONCE:
                    break
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()


def _one(ctx: Context, source: Store, target: Store, stat: Stat) -> str:
    key = stat.key
    try:
        with ctx.locks.hold([key]), tempfile.TemporaryDirectory(prefix="cms-photo-") as folder:
            file = Path(folder) / "photo"
            stream = source.open(key)
            if stream is None:
                return "is not there any more"
            with stream, file.open("wb") as out:
                shutil.copyfileobj(stream, out)
            version = version_of(file)
            there = _version_there(ctx, target, stat)
            if there is not None and there != version:
                return "another photo has this path"
            if there is not None:
                return "same"
            target.write(key, file, expect=ABSENT)
            if target is ctx.media:
                _tell(ctx, stat)
            return "sent"
    except CmsError as error:
        return error.detail


def _version_there(ctx: Context, target: Store, stat: Stat) -> Version | None:
    """What the target holds under the key; the database's word is taken for a bucket, where a look costs a download."""
    found = target.stat(stat.key)
    if found is None:
        return None
    with read(ctx.database) as tx:
        row = images.get(tx, stat.key.removeprefix(ids.ASSETS))
    mark = MEDIA_MARK + found.mark if target is ctx.media else found.mark
    if row is not None and row.mark == mark:
        return Version(row.sha256)
    stream = target.open(stat.key)
    if stream is None:
        return None
    with stream:
        return version_of(stream)


def _tell(ctx: Context, stat: Stat) -> None:
    """The database learns that the photo is read from the media store now, so that nobody has to fetch it to know."""
    found = ctx.media.stat(stat.key)
    if found is not None:
        image = read_image(ctx.site, stat)
        with write(ctx.database) as tx:
            absorb_images.absorb_image(ctx, tx, image, MEDIA_MARK + found.mark, Origin("cms", "files"))
