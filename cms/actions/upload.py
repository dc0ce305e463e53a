"""Takes in editors' photos.

All photos of a request are looked at before the first is stored; should one fail, or the power, none is kept: what is
about to be stored is written down first, and whoever finds such a note with nobody at work on it removes the photo.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.actions import absorb_images, late_photos, lookup, photo_rights
from cms.actions.absorb import Origin, Sent
from cms.actions.develop import Developed, Upload, developed, keep_original
from cms.actions.photo_files import home, key_of
from cms.actions.places import Place
from cms.actions.seen import MEDIA_MARK
from cms.context import Context
from cms.database import changes, clock, images, intents
from cms.database.engine import read, write
from cms.database.photo_visibility import NOWHERE
from cms.database.tables import AnyRow
from cms.errors import BUSY, CmsError, Invalid, Problem, Stale, Unavailable
from cms.model import ids, photo, photo_names, refs
from cms.model.image import ImageFields
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, Version

AT_ONCE = 4
"""So many photos of a request are on their way to the store."""

WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A photo's row, the reference to it in the site's own spelling, and Markdown to paste."""

    row: AnyRow
    ref: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Sending:
    """Who uploads, and what they say of it. With `keep_credit`, who took a photo and whose it is stays with the photo,
    though not in its file."""

    actor: Actor
    keep_credit: bool = False
    message: str | None = None


def upload(ctx: Context, sending: Sending, place: Place, files: Sequence[Upload]) -> list[Stored]:
    """Store the photos; sending the same photo again is the same photo again."""
    ready = developed(ctx, files)
    paths, begun = _reserve(ctx, sending.actor, place, ready)
    if begun:
        _store(ctx, sending, place, begun)
    with read(ctx.database) as tx:
        rows = [images.get(tx, path) for path in paths]
    found = [stored(row, place) for row in rows if row is not None]
    if len(found) < len(rows):
        raise Unavailable("A photo was removed by others just now; try again.", code=BUSY, retry_after_s=1)
    return found


def stored(row: AnyRow, place: Place) -> Stored:
    ref = refs.spell(row.path, place.spelling, place.key)
    return Stored(row, ref, refs.markdown_of(ref))


def undo(ctx: Context, intent: AnyRow) -> None:
    """Remove a photo whose upload was broken off; who still stores it learns that it may not."""
    with write(ctx.database) as tx:
        if not intents.give_up(tx, intent.id):
            return
        latest = changes.latest(tx, "image", "", intent.new_key.removeprefix(ids.ASSETS))
        if late_photos.left_by(latest) == intent.new_version:
            intents.forget(tx, intent.id)  # others have put the same photo there
            return
    with suppress(Stale):  # it never came so far, or it is another's
        ctx.media.delete(Key(intent.new_key), expect=Version(intent.new_version))
    with write(ctx.database) as tx:
        intents.forget(tx, intent.id)
        late_photos.undo_upload(ctx, tx, intent)


def _reserve(
    ctx: Context, actor: Actor, place: Place, ready: Sequence[Developed]
) -> tuple[list[str], list[tuple[AnyRow, Developed]]]:
    """The photos' paths, and an intent for each that is not there yet; `Unavailable` when others have been storing the
    same photo for `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    wanted = {item.version for item in ready}
    while True:
        # One lock for the folder, so that two requests do not choose the same name; not for as long as storing takes.
        with ctx.locks.hold([ids.ASSETS + place.folder]):
            with read(ctx.database) as tx:
                under_way = intents.below(tx, f"{ids.ASSETS}{place.folder}/")
            same = [intent for intent in under_way if not intent.old_key and intent.new_version in wanted]
            if not same:
                paths, fresh = _choose(ctx, actor, place, ready, under_way)
                with write(ctx.database) as tx:
                    begun = [_begin(tx, actor, path, item) for path, item in fresh]
                return paths, begun
        if time.monotonic() > deadline:
            raise Unavailable("The same photo is being stored just now; try again.", code=BUSY)
        _undo_dead(ctx, same)
        time.sleep(0.1)


def _undo_dead(ctx: Context, begun: Iterable[AnyRow]) -> None:
    """Undo those that nobody is at work on any more."""
    for intent in begun:
        try:
            with ctx.locks.hold([intent.new_key], wait_s=0):
                undo(ctx, intent)
        except Unavailable as error:
            if error.code != BUSY:
                raise


def _begin(tx: Connection, actor: Actor, path: str, item: Developed) -> tuple[AnyRow, Developed]:
    return intents.add(tx, actor.name, ("", ""), (key_of(path), item.version)), item


def _choose(
    ctx: Context, actor: Actor, place: Place, ready: Sequence[Developed], under_way: Sequence[AnyRow]
) -> tuple[list[str], list[tuple[str, Developed]]]:
    """The photos' paths, and which of the photos are to be stored there."""
    with read(ctx.database) as tx:
        digests = [item.version for item in ready]
        alike = images.alike(tx, place.folder, digests, lookup.sight(actor))
        taken = images.names(tx, place.folder) | photo_rights.promised(tx, actor, place)
    known = {version: row.path for version, row in alike.items()}
    fresh: list[tuple[str, Developed]] = []
    for item in ready:
        if item.version not in known:
            # What may still come there late is no matter if it is the same photo.
            others = {posixpath.basename(one.new_key) for one in under_way if one.new_version != item.version}
            name = _free(ctx, place.folder, item, taken | others)
            taken.add(name)
            known[item.version] = f"{place.folder}/{name}"
            fresh.append((known[item.version], item))
    return [known[item.version] for item in ready], fresh


def _free(ctx: Context, folder: str, item: Developed, taken: set[str]) -> str:
    extension = photo.EXTENSIONS[item.facts.format]
    for name in photo_names.candidates(item.upload.name, extension, taken, ctx.settings.limits):
        key = key_of(f"{folder}/{name}")
        # Somebody may have put a file there that nobody has looked at yet.
        if home(ctx, key).stat(key) is None:
            return name
    problem = Problem(item.upload.where, f"rename {item.upload.name}", "name")
    raise Invalid("Too many photos have that name.", problems=[problem])


def _store(ctx: Context, sending: Sending, place: Place, begun: Sequence[tuple[AnyRow, Developed]]) -> None:
    fresh = [(intent.new_key.removeprefix(ids.ASSETS), item) for intent, item in begun]
    try:
        # The locks tell others that somebody is still at work on it.
        with ctx.locks.hold([intent.new_key for intent, _ in begun]):
            for path, item in fresh:
                keep_original(ctx, path, item.upload)
            _write(ctx, fresh)
            _commit(ctx, sending, place, begun)
    except CmsError:
        with suppress(Unavailable):  # what cannot be undone just now is healed later
            for intent, _ in begun:
                undo(ctx, intent)
        raise


def _commit(ctx: Context, sending: Sending, place: Place, begun: Sequence[tuple[AnyRow, Developed]]) -> None:
    # One time for all of them: they are one commit.
    is_public = place.collection == NOWHERE and sending.actor.may("articles:publish")
    sent = Sent(place.collection, sending.actor.token_id, is_public)
    # As with articles, the store's mark stays unknown, so that the next look at the file is a close one.
    mark = "" if ctx.media is ctx.site else MEDIA_MARK
    with write(ctx.database) as tx:
        by = Origin(sending.actor.name, "api", clock.now(tx), sending.message, sent)
        if intents.remove(tx, *(intent.id for intent, _ in begun)) < len(begun):
            raise Unavailable("The upload was taken for dead; try again.", code=BUSY, retry_after_s=1)
        for intent, item in begun:
            facts = item.facts
            said = ImageFields(credit=facts.credit, copyright=facts.copyright) if sending.keep_credit else None
            image = item.as_image(intent.new_key.removeprefix(ids.ASSETS))
            absorb_images.absorb_image(ctx, tx, image, mark, by, said)
            late_photos.end_upload(ctx, tx, intent)
        absorb_images.settle_visibility(ctx, tx, by)


def _write(ctx: Context, fresh: Sequence[tuple[str, Developed]]) -> None:
    """All of them at once, as far as may be; an error is raised when none is under way any more."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        under_way = [pool.submit(ctx.media.write, key_of(path), item.path, expect=ABSENT) for path, item in fresh]
    for future in under_way:
        try:
            future.result()
        except Stale as error:
            raise Unavailable("Somebody stores a photo of that name just now; try again.", code=BUSY) from error
