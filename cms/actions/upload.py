"""Takes in editors' photos.

All photos of a request are looked at before the first is stored; should one fail, or the power, none is kept: what is
about to be stored is written down first, and whoever finds such a note with nobody at work on it removes the photo.
"""

from __future__ import annotations

import os
import posixpath
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cms.actions import absorb_images
from cms.actions.absorb import Origin
from cms.actions.darkroom import Darkroom
from cms.actions.photo_files import check_private, home, key_of
from cms.actions.places import Place
from cms.actions.survey import MEDIA_MARK
from cms.context import Context
from cms.database import images, intents
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import CmsError, Invalid, Problem, Stale, Unavailable
from cms.model import ids, photo, photo_names, refs
from cms.model.image import Image, ImageFields
from cms.model.photo import Facts
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, Version, version_of

DARKROOMS = min(2, os.cpu_count() or 1)
"""So many photos are decoded at once."""

AT_ONCE = 4
"""So many photos are on their way to the store."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo as an editor sent it, in a file that is the caller's to remove; `where` points to it in the request."""

    name: str
    path: Path
    where: str = ""


@dataclass(frozen=True, slots=True)
class Developed:
    """A photo fit to be public, in a file beside the one that was sent."""

    upload: Upload
    path: Path
    facts: Facts
    version: Version

    def as_image(self, path: str) -> Image:
        facts = self.facts
        return Image(path, self.version, self.path.stat().st_size, facts.width, facts.height, facts.format)


@dataclass(frozen=True, slots=True)
class Stored:
    """A photo's row, the reference to it in the site's own spelling, and Markdown to paste."""

    row: AnyRow
    ref: str
    markdown: str


def upload(
    ctx: Context, actor: Actor, place: Place, files: Sequence[Upload], *, keep_credit: bool = False
) -> list[Stored]:
    """Store the photos; sending the same photo again is the same photo again. With `keep_credit`, who took it and whose
    it is stays with the photo, though not in its file."""
    ready = developed(ctx, files)
    # One lock for the folder, so that two requests do not choose the same name.
    with ctx.locks.hold([ids.ASSETS + place.folder]):
        chosen = _choose(ctx, place, ready)
        _keep_originals(ctx, chosen)
        _store(ctx, actor, [(path, item) for path, item, is_new in chosen if is_new], keep_credit)
        with read(ctx.database) as tx:
            rows = [images.get(tx, path) for path, _, _ in chosen]
    found = [stored(row, place) for row in rows if row is not None]
    if len(found) < len(rows):
        raise Unavailable("A photo was removed by others just now; try again.", code="busy", retry_after_s=1)
    return found


def stored(row: AnyRow, place: Place) -> Stored:
    ref = refs.spell(row.path, place.spelling, place.key)
    return Stored(row, ref, refs.markdown_of(ref))


def developed(ctx: Context, files: Sequence[Upload]) -> list[Developed]:
    """The photos fit to be public; raises what `photo.prepare` raises, and `TooLarge`."""
    most = ctx.settings.limits.photo_bytes
    for file in files:
        if (size := file.path.stat().st_size) > most:
            raise photo.too_large(file.where, f"{file.name} has {size} bytes or more; at most {most} are accepted")
    idle: SimpleQueue[Darkroom] = SimpleQueue()

    def develop(file: Upload) -> Developed:
        darkroom = idle.get()
        try:
            target = file.path.with_suffix(".ready")
            facts = darkroom.prepare(file.path, target, file.name, file.where)
            return Developed(file, target, facts, version_of(target))
        finally:
            idle.put(darkroom)

    with ExitStack() as stack:
        for _ in range(min(DARKROOMS, len(files))):
            idle.put(stack.enter_context(Darkroom(ctx.settings.limits)))
        return list(stack.enter_context(ThreadPoolExecutor(DARKROOMS)).map(develop, files))


def keep_original(ctx: Context, path: str, file: Upload) -> None:
    """What was sent, untouched, where only the operator finds it; if the settings ask for it."""
    if not ctx.settings.keep_originals:
        return
    check_private(ctx)
    key = Key(f"originals/{path}/{version_of(file.path)}")
    if ctx.private.stat(key) is None:
        ctx.private.write(key, file.path, expect=ABSENT)


def undo(ctx: Context, intent: AnyRow) -> None:
    """Remove a photo whose upload was broken off; the caller holds its folder's lock."""
    key = Key(intent.new_key)
    with read(ctx.database) as tx:
        is_known = images.get(tx, key.removeprefix(ids.ASSETS)) is not None
    if not is_known:
        _remove(ctx, key, Version(intent.new_version))
    with write(ctx.database) as tx:
        intents.remove(tx, intent.id)


def folder_lock(key: str) -> str:
    """The lock that an upload to the key holds."""
    return posixpath.dirname(key)


def _choose(ctx: Context, place: Place, ready: Sequence[Developed]) -> list[tuple[str, Developed, bool]]:
    """For each photo its path, and whether it is to be stored there or is there already."""
    with read(ctx.database) as tx:
        alike = images.alike(tx, place.folder, [item.version for item in ready])
        taken = images.names(tx, place.folder)
    known = {version: row.path for version, row in alike.items()}
    chosen: list[tuple[str, Developed, bool]] = []
    for item in ready:
        is_new = item.version not in known
        if is_new:
            name = _free(ctx, place.folder, item, taken)
            taken.add(name)
            known[item.version] = f"{place.folder}/{name}"
        chosen.append((known[item.version], item, is_new))
    return chosen


def _free(ctx: Context, folder: str, item: Developed, taken: set[str]) -> str:
    extension = photo.EXTENSIONS[item.facts.format]
    for name in photo_names.candidates(item.upload.name, extension, taken, ctx.settings.limits):
        key = key_of(f"{folder}/{name}")
        # Somebody may have put a file there that nobody has looked at yet.
        if home(ctx, key).stat(key) is None:
            return name
    problem = Problem(item.upload.where, f"rename {item.upload.name}", "name")
    raise Invalid("Too many photos have that name.", problems=[problem])


def _keep_originals(ctx: Context, chosen: Iterable[tuple[str, Developed, bool]]) -> None:
    for path, item, is_new in chosen:
        if is_new:
            keep_original(ctx, path, item.upload)


def _store(ctx: Context, actor: Actor, fresh: Sequence[tuple[str, Developed]], keep_credit: bool) -> None:
    if not fresh:
        return
    with write(ctx.database) as tx:
        begun = [intents.add(tx, actor.name, ("", ""), (key_of(path), item.version)) for path, item in fresh]
    try:
        _write(ctx, fresh)
        by = Origin(actor.name, "api", time.time())  # one time for all of them: they are one commit
        # As with articles, the store's mark stays unknown, so that the next look at the file is a close one.
        mark = "" if ctx.media is ctx.site else MEDIA_MARK
        with write(ctx.database) as tx:
            for path, item in fresh:
                said = ImageFields(credit=item.facts.credit, copyright=item.facts.copyright) if keep_credit else None
                absorb_images.absorb_image(ctx, tx, item.as_image(path), mark, by, said)
            for intent in begun:
                intents.remove(tx, intent.id)
    except CmsError:
        with suppress(Unavailable):  # what cannot be undone just now is healed later
            for intent in begun:
                undo(ctx, intent)
        raise


def _write(ctx: Context, fresh: Sequence[tuple[str, Developed]]) -> None:
    """All of them at once, as far as may be; an error is raised when none is under way any more."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = [pool.submit(ctx.media.write, key_of(path), item.path, expect=ABSENT) for path, item in fresh]
    for future in under_way:
        try:
            future.result()
        except Stale as error:
            raise Unavailable("Somebody stores a photo of that name just now; try again.", code="busy") from error


def _remove(ctx: Context, key: Key, version: Version) -> None:
    try:
        ctx.media.delete(key, expect=version)
    except Stale:
        # It never came so far, or it is another's.
        return
