"""Brings the photos of a site into its media store, and back: the same paths, byte for byte unless they are cleaned.

What is there already stays; running it again goes on where it was broken off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

from cms.actions import absorb_images, photos
from cms.actions.absorb import Origin
from cms.actions.darkroom import Darkroom
from cms.actions.photo_files import local_copy
from cms.actions.reading import image_in
from cms.actions.reconcile import Progress
from cms.actions.seen import MEDIA_MARK, is_photo
from cms.context import Context
from cms.database import images
from cms.database.engine import read, write
from cms.errors import CmsError, Invalid
from cms.model import ids
from cms.model.image import Image
from cms.store.base import ABSENT, Stat, Store, Version, version_of

AT_ONCE = 8
BY = Origin("cms", "files")


@dataclass(slots=True)
class Report:
    """How many files were sent, how many were there already, and how many of those were cleaned; of the others, what
    stands in their way."""

    sent: int = 0
    same: int = 0
    cleaned: int = 0
    refused: list[str] = field(default_factory=list)


def push(ctx: Context, progress: Progress | None = None, *, clean: bool = False) -> Report:
    """Send the site's photos to the media store. With `clean`, those that tell where they were taken arrive without
    that, or lose it where they are."""
    if clean and ctx.media is ctx.site:
        return transfer(_photos(ctx.site), lambda stat: _clean_in_place(ctx, stat), progress)
    _check_apart(ctx)
    return transfer(_photos(ctx.site), lambda stat: _send(ctx, ctx.site, ctx.media, stat, clean=clean), progress)


def pull(ctx: Context, progress: Progress | None = None) -> Report:
    """Bring the media store's photos into the site."""
    _check_apart(ctx)
    return transfer(_photos(ctx.media), lambda stat: _send(ctx, ctx.media, ctx.site, stat, clean=False), progress)


def _check_apart(ctx: Context) -> None:
    if ctx.media is ctx.site:
        raise Invalid("The photos are in the site itself; CMS_MEDIA names no other place for them.")


def _photos(source: Store) -> list[Stat]:
    return sorted((stat for stat in source.list(ids.ASSETS) if is_photo(stat)), key=lambda stat: stat.key)


def transfer(stats: list[Stat], act: Callable[[Stat], str], progress: Progress | None) -> Report:
    """Do it to each file, several at once; `act` says `sent`, `same`, `cleaned`, or what stands in its way."""
    report = Report()
    counted: Counter[str] = Counter()
    for done, (stat, outcome) in enumerate(_outcomes(stats, act), start=1):
        counted[outcome] += 1
        if outcome not in ("sent", "same", "cleaned"):
            report.refused.append(f"{stat.key}: {outcome}")
        if progress is not None:
            progress(done, len(stats))
    report.sent, report.same, report.cleaned = (counted[name] for name in ("sent", "same", "cleaned"))
    return report


def _outcomes(stats: list[Stat], act: Callable[[Stat], str]) -> Iterator[tuple[Stat, str]]:
    """What became of each file, `AT_ONCE` of them under way; an interrupt lets those be finished."""
    remaining = iter(stats)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running: dict[Future[str], Stat] = {}
        while True:
            for stat in remaining:
                running[pool.submit(_told, act, stat)] = stat
                if len(running) == AT_ONCE:
                    break
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()


def _told(act: Callable[[Stat], str], stat: Stat) -> str:
    try:
        return act(stat)
    except CmsError as error:
        return error.for_operators


def _send(ctx: Context, source: Store, target: Store, stat: Stat, *, clean: bool) -> str:
    key = stat.key
    with local_copy(source, key) as (file, version):
        ready, wanted = _cleaned(ctx, file, stat) if clean else (file, version)
        with ctx.locks.hold([key]):
            there = _version_there(ctx, target, stat)
            if there is None:
                target.write(key, ready, expect=ABSENT)
                if target is ctx.media:
                    _tell(ctx, stat, ready)
                return "sent"
        if there == wanted:
            return "same"
        return _replace(ctx, stat, ready, there) if there == version else "another photo has this path"


def _clean_in_place(ctx: Context, stat: Stat) -> str:
    with local_copy(ctx.site, stat.key) as (file, version):
        ready, wanted = _cleaned(ctx, file, stat)
        return "same" if wanted == version else _replace(ctx, stat, ready, version)


def _cleaned(ctx: Context, file: Path, stat: Stat) -> tuple[Path, Version]:
    """The photo without what it tells of its place, in another file; the same file when it tells nothing."""
    image = _image(file, stat)
    if not image.has_gps:
        return file, Version(image.sha256)
    target = file.with_suffix(".ready")
    with Darkroom(ctx.settings.limits) as darkroom:
        darkroom.prepare(file, target, stat.key, "")
    return target, version_of(target)


def _replace(ctx: Context, stat: Stat, ready: Path, there: Version) -> str:
    with read(ctx.database) as tx:
        row = images.get(tx, stat.key.removeprefix(ids.ASSETS))
    if row is None or row.sha256 != there:
        return "has changed just now; run `cms sync` and this again"
    photos.put(ctx, _image(ready, stat), ready, row, photos.Putting(BY))
    return "cleaned"


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
    return target.version(stat.key)


def _tell(ctx: Context, stat: Stat, file: Path) -> None:
    """The database learns that the photo is read from the media store now, so that nobody has to fetch it to know."""
    found = ctx.media.stat(stat.key)
    if found is not None:
        with write(ctx.database) as tx:
            absorb_images.absorb_image(ctx, tx, _image(file, stat), MEDIA_MARK + found.mark, BY)


def _image(file: Path, stat: Stat) -> Image:
    with file.open("rb") as stream:
        return image_in(stream, stat.key.removeprefix(ids.ASSETS), file.stat().st_size)
