"""Takes in editors' photos, and removes photos that nothing shows.

All photos of a request are looked at before the first is stored; should one fail, none is kept.
"""

from __future__ import annotations

import json
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cms.actions import absorb_images, lookup
from cms.actions.absorb import Origin
from cms.actions.darkroom import Darkroom
from cms.actions.rules import rules_of
from cms.actions.survey import MEDIA_MARK
from cms.context import Context
from cms.database import articles, images, listing
from cms.database.engine import read, write
from cms.database.listing import Filter
from cms.database.tables import AnyRow
from cms.errors import CmsError, InUse, Invalid, Moved, NotFound, Problem, Stale
from cms.model import ids, photo, refs
from cms.model.ids import Name
from cms.model.image import Image
from cms.model.photo import Facts
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, Store, Version, version_of

MOST_ALIKE = 1000


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo as an editor sent it, in a file that is the caller's to remove."""

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class Stored:
    """A photo's row, the reference to it in the site's own spelling, and Markdown to paste."""

    row: AnyRow
    ref: str
    markdown: str


@dataclass(frozen=True, slots=True)
class Place:
    """The folder below `src/assets` that photos go to, and how they are referred to in the article at `key`."""

    folder: str
    spelling: refs.Spelling
    key: str


def upload(ctx: Context, actor: Actor, place: Place, files: Sequence[Upload]) -> list[Stored]:
    """Store the photos; sending the same photo again is the same photo again."""
    ready = _prepared(ctx, files)
    # One lock for the folder, so that two requests do not choose the same name.
    with ctx.locks.hold([ids.ASSETS + place.folder]):
        done: list[Image] = []
        fresh: list[Image] = []
        try:
            for file, facts in ready:
                image, is_new = _store(ctx, place, file, facts)
                done.append(image)
                fresh += [image] if is_new else []
            rows = _commit(ctx, actor, done)
        except CmsError:
            for image in fresh:
                ctx.media.delete(_key(image.path), expect=Version(image.sha256))
            raise
    return [_stored(row, place) for row in rows]


def place_for_article(ctx: Context, actor: Actor, name: str) -> Place:
    """Beside the photos that the article shows already, else in a folder named after it."""
    collection, _, article_id = name.partition("/")
    actor.require("images:write", collection)
    with read(ctx.database) as tx:
        try:
            row = lookup.visible(tx, actor, Name(collection, article_id))
        except (NotFound, Moved) as error:
            problem = Problem("/article", error.detail, error.code)
            raise Invalid("Photos cannot be stored for this article.", problems=[problem]) from error
        own = _mentions([row])
        shown = own or _mentions(articles.twins(tx, row))
        others = _mentions(listing.first(tx, Filter(collection), 50))
    folders = Counter(posixpath.dirname(path) for path, _ in shown if path)
    usual_folder = rules_of(ctx, collection).annotation.folder or collection
    folder = folders.most_common(1)[0][0] if folders else f"{usual_folder}/{row.twin}"
    safe: tuple[refs.Spelling, ...] = (*refs.ALIASES, "relative")
    spelling = refs.usual_spelling(ref for _, ref in own) or refs.usual_spelling((ref for _, ref in others), safe)
    return Place(folder, spelling or "relative", row.key)


def place_for_folder(ctx: Context, actor: Actor, folder: str) -> Place:
    """A folder below `src/assets` that the editor names; the references are good in every article."""
    actor.require("images:write")
    segments = folder.strip("/").split("/")
    plain = (segment == segment.strip() and ids.slug(segment) == segment.lower() for segment in segments)
    if not all(plain) or not all(segments) or any(s.startswith(("_", "-")) for s in segments) or len(folder) > 200:
        problem = Problem("/folder", "use letters, digits and dashes, with / between folders", "folder")
        raise Invalid("The folder cannot have this name.", problems=[problem])
    with read(ctx.database) as tx:
        shown = _mentions(listing.first(tx, Filter(), 50))
    return Place("/".join(segments), refs.usual_spelling((ref for _, ref in shown), refs.ALIASES) or "@/", "")


def open_photo(ctx: Context, path: str) -> tuple[AnyRow, BinaryIO]:
    """A photo's row, and its bytes as a stream that the caller closes; `NotFound` when there is none."""
    with read(ctx.database) as tx:
        row = images.get(tx, path)
    stream = None if row is None else _home(ctx, _key(path)).open(_key(path))
    if row is None or stream is None:
        raise NotFound(f"There is no photo {path}.")
    return row, stream


def delete(ctx: Context, actor: Actor, path: str, expect: str) -> None:
    """Remove a photo; `InUse` while an article shows it."""
    actor.require("images:write")
    key = _key(path)
    with ctx.locks.hold([key]):
        with read(ctx.database) as tx:
            row = images.get(tx, path)
            users = articles.showing(tx, path)
        if row is None:
            raise NotFound(f"There is no photo {path}.")
        if row.sha256 != expect:
            raise Stale("The photo has changed since you looked.", current=row.sha256)
        if users:
            seen = [user for user in users if lookup.is_visible(actor, user)]
            detail = f"{len(users)} article(s) show this photo; take it out of them first."
            raise InUse(detail, used_by=[f"{user.collection}/{user.id}" for user in seen])
        _home(ctx, key).delete(key, expect=Version(expect))
        with write(ctx.database) as tx:
            absorb_images.absorb_image_deletion(ctx, tx, path, Origin(actor.name, "api"))


def _prepared(ctx: Context, files: Sequence[Upload]) -> list[tuple[Upload, Facts]]:
    """The photos fit to be public, each in a file beside the one that was sent."""
    ready: list[tuple[Upload, Facts]] = []
    most = ctx.settings.limits.photo_bytes
    with Darkroom(ctx.settings.limits) as darkroom:
        for number, file in enumerate(files):
            where, size = f"/files/{number}", file.path.stat().st_size
            if size > most:
                raise photo.too_large(where, f"{file.name} has {size} bytes or more; at most {most} are accepted")
            target = file.path.with_suffix(".ready")
            ready.append((Upload(file.name, target), darkroom.prepare(file.path, target, file.name, where)))
    return ready


def _store(ctx: Context, place: Place, file: Upload, facts: Facts) -> tuple[Image, bool]:
    """The photo under the first name that is free or holds these very bytes, and whether it was stored now."""
    version, size = version_of(file.path), file.path.stat().st_size
    for path in _names(ctx, place.folder, file.name, facts.format):
        key = _key(path)
        image = Image(path, version, size, facts.width, facts.height, facts.format)
        there = _home(ctx, key).open(key)
        if there is None:
            ctx.media.write(key, file.path, expect=ABSENT)
            return image, True
        with there:
            if version_of(there) == version:
                return image, False
    raise Invalid("Too many photos have that name.", problems=[Problem("/files", f"rename {file.name}", "name")])


def _names(ctx: Context, folder: str, name: str, kind: str) -> Iterable[str]:
    stem = name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name
    wanted = ids.new_slug(stem, ctx.settings.limits)
    base = wanted if wanted and not ids.check_new_id(wanted, ctx.settings.limits) else "photo"
    for number in range(1, MOST_ALIKE):
        suffix = "" if number == 1 else f"-{number}"
        yield f"{folder}/{base}{suffix}.{photo.EXTENSIONS[kind]}"


def _commit(ctx: Context, actor: Actor, stored: list[Image]) -> list[AnyRow]:
    by = Origin(actor.name, "api")
    # As with articles, the store's mark stays unknown, so that the next look at the file is a close one.
    mark = "" if ctx.media is ctx.site else MEDIA_MARK
    with write(ctx.database) as tx:
        for image in stored:
            absorb_images.absorb_image(ctx, tx, image, mark, by)
        rows = (images.get(tx, image.path) for image in stored)
        return [row for row in rows if row is not None]


def _stored(row: AnyRow, place: Place) -> Stored:
    ref = refs.spell(row.path, place.spelling, place.key)
    return Stored(row, ref, refs.markdown_of(ref))


def _mentions(rows: Iterable[AnyRow]) -> list[tuple[str | None, str]]:
    """Path and reference of every photo that the articles mention."""
    return [(item["path"], item["ref"]) for row in rows for item in json.loads(row.json)["images"]]


def _home(ctx: Context, key: Key) -> Store:
    """Photos are looked for in the media store first, then in the site."""
    return ctx.media if ctx.media is ctx.site or ctx.media.stat(key) is not None else ctx.site


def _key(path: str) -> Key:
    return Key(ids.ASSETS + path)
