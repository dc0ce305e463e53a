"""Changes one photo: what is said of it, its bytes, or that it is there at all. What goes can be restored."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cms.actions import absorb_images, late, late_photos, lookup, photo_rights, renditions, reserve, trash
from cms.actions.absorb import Origin
from cms.actions.develop import Upload, developed, keep_original
from cms.actions.photo_files import home, key_of
from cms.actions.reading import image_in
from cms.actions.seen import MEDIA_MARK
from cms.context import Context
from cms.database import article_photos, drafts, images
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import CmsError, Exists, InUse, NotFound, Stale, Unavailable, UnsupportedType, VersionRequired
from cms.model.image import Image, ImageFields, focus_after
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, Store, Version


def describe(
    ctx: Context, actor: Actor, path: str, expect: str, said: Mapping[str, Any], message: str | None = None
) -> AnyRow:
    """Change what is said of the photo, by a merge patch of its fields. Here and below, `message` is what the editor
    says of the change."""
    _require(ctx, actor, path)
    with ctx.locks.hold([key_of(path)]):
        _require(ctx, actor, path)  # it may have been published meanwhile
        row = _expected(ctx, path, expect)
        image = images.image_of(row)
        return _absorb(ctx, image, row.mark, _by(actor, message), _merged(image.fields, said))


def replace(ctx: Context, actor: Actor, path: str, expect: str, file: Upload, message: str | None = None) -> AnyRow:
    """Put another photo of the same format in its place; what is said of it stays."""
    _require(ctx, actor, path)
    row = _expected(ctx, path, expect)
    (ready,) = developed(ctx, [file])
    if ready.facts.format != row.format:
        detail = f"{path} is a {row.format.upper()}; send the new photo in that format, or upload it as another"
        raise UnsupportedType(detail, code="photo_type")
    keep_original(ctx, path, file)
    return put(ctx, ready.as_image(path), ready.path, row, Putting(_by(actor, message), actor=actor))


def restore(ctx: Context, actor: Actor, trash_id: str, expect: str | None, message: str | None = None) -> AnyRow:
    """Bring a photo back from the trash, with what was said of it; `expect` is None where nothing is in its place.

    It leaves the trash with that.
    """
    actor.require("images:write")
    gone = trash.get(ctx, actor, trash_id)
    with read(ctx.database) as tx:
        is_there = images.get(tx, gone.path) is not None
        if is_there:
            photo_rights.require_change(tx, actor, lookup.photo(tx, actor, gone.path))
        else:
            photo_rights.require_return(tx, actor, gone.path, gone.sha256)
    if is_there and expect is None:
        raise VersionRequired(f"{gone.path} is there; send its ETag as If-Match to replace it.")
    if not is_there and expect is not None:
        raise Stale(f"Nothing is at {gone.path} any more; leave out If-Match.", current=None)
    row = None if expect is None else _expected(ctx, gone.path, expect)
    with trash.opened(ctx, trash_id) as file:
        with file.open("rb") as stream:
            image = image_in(stream, gone.path, file.stat().st_size)
        by = Origin(actor.name, "restore", message=message)
        restored = put(ctx, image, file, row, Putting(by, ImageFields.from_json(gone.fields)))
    with suppress(Unavailable):  # then it stays there for its 30 days
        trash.remove(ctx, trash_id)
    return restored


def delete(ctx: Context, actor: Actor, path: str, expect: str, message: str | None = None) -> None:
    """Remove a photo; `InUse` while an article shows it."""
    actor.require("images:write")
    key = key_of(path)
    with read(ctx.database) as tx:
        photo_rights.require_publish(tx, actor, lookup.photo(tx, actor, path))
    row = _expected(ctx, path, expect)
    reserve.make_room(ctx, 2 * row.bytes + reserve.FEW_BYTES)
    with (
        _variants_going(ctx, row),
        trash.kept(ctx, actor.name, row, home(ctx, key), "deleted"),
        ctx.locks.hold([key]),
    ):
        _expected(ctx, path, expect)
        with read(ctx.database) as tx:
            users = len(article_photos.showing(tx, path)) + len(drafts.showing(tx, path))
            seen = lookup.users(tx, actor, path)
        if users:
            raise InUse(f"{users} article(s) or drafts show this photo; take it out of them first.", used_by=seen)
        intent = None
        for store in _copies(ctx, key, row.sha256):
            intent = late.delete(ctx, store, actor.name, key, expect=Version(row.sha256))
        with write(ctx.database) as tx:
            absorb_images.absorb_image_deletion(ctx, tx, path, _by(actor, message))
            late.end(ctx, tx, intent)


def _by(actor: Actor, message: str | None) -> Origin:
    return Origin(actor.name, "api", message=message)


def _require(ctx: Context, actor: Actor, path: str) -> None:
    """Refuse who may not change the photo; to who does not see it, it is not there."""
    with read(ctx.database) as tx:
        photo_rights.require_change(tx, actor, lookup.photo(tx, actor, path))


def _expected(ctx: Context, path: str, expect: str) -> AnyRow:
    """The photo's row, if it is the version that the editor started from."""
    with read(ctx.database) as tx:
        row = images.get(tx, path)
    if row is None:
        raise NotFound(f"There is no photo {path}.")
    current = images.image_of(row).version
    if current != expect:
        raise Stale("The photo has changed since you looked; look again and repeat your change.", current=current)
    return row


@dataclass(frozen=True, slots=True)
class Putting:
    """The origin of a photo that is put, and its fields (None: they stay).

    The rights of `actor`, if one is given, are looked at once more under the lock: others may have published the photo.
    """

    by: Origin
    said: ImageFields | None = None
    actor: Actor | None = None


def put(ctx: Context, image: Image, file: Path, row: AnyRow | None, putting: Putting) -> AnyRow:
    """Make the photo's file this one, in place of that in `row` (None: of nothing)."""
    by, said, actor = putting.by, putting.said, putting.actor
    key = key_of(image.path)
    if row is not None and row.sha256 == image.sha256:
        with ctx.locks.hold([key]):
            if actor is not None:
                _require(ctx, actor, image.path)
            _expected(ctx, image.path, images.image_of(row).version)
            return _absorb(ctx, images.image_of(row), row.mark, by, said)
    with ExitStack() as stack:
        if row is not None:
            stack.enter_context(_variants_going(ctx, row))
            stack.enter_context(trash.kept(ctx, by.actor, row, home(ctx, key), "replaced"))
        stack.enter_context(ctx.locks.hold([key]))
        if actor is not None:
            _require(ctx, actor, image.path)
        if row is not None:
            _expected(ctx, image.path, images.image_of(row).version)
        in_site = row is not None and home(ctx, key) is not ctx.media
        try:
            expect = ABSENT if row is None or in_site else Version(row.sha256)
            intent = late.write(ctx, ctx.media, by.actor, key, file, expect=expect)
        except Stale as error:
            if row is None:
                raise Exists(f"There is a file {image.path} already; look again in a minute.") from error
            raise
        # A site's own files are no editor's to remove while its photos are cleaned on their way to the bucket.
        is_apart = ctx.media is not ctx.site and by.source != "files"
        if row is not None and is_apart and ctx.site.version(key) == row.sha256:
            # What is in the media store is what everybody sees; the copy in the site would come back one day.
            ctx.site.delete(key, expect=Version(row.sha256))
        made = _absorb(ctx, image, "" if ctx.media is ctx.site else MEDIA_MARK, by, said, intent)
        late_photos.keep(ctx, key, file)  # not before it is known that the lock was not lost
        return made


@contextmanager
def _variants_going(ctx: Context, row: AnyRow) -> Iterator[None]:
    """After the block, smaller copies of what nobody is to see any more are gone too."""
    yield
    with suppress(CmsError):  # a lane that is making them, or the sweep, will remove them
        renditions.discard(ctx, row.sha256, wait_s=0)


def _absorb(
    ctx: Context, image: Image, mark: str, by: Origin, said: ImageFields | None, intent: AnyRow | None = None
) -> AnyRow:
    with write(ctx.database) as tx:
        absorb_images.absorb_image(ctx, tx, image, mark, by, said)
        late.end(ctx, tx, intent)
        row = images.get(tx, image.path)
    assert row is not None
    return row


def _copies(ctx: Context, key: Key, sha256: str) -> list[Store]:
    """The stores that hold the photo, the site first: what is left in the media store is still what everybody sees."""
    holding: list[Store] = []
    for store in (ctx.site, ctx.media) if ctx.media is not ctx.site else (ctx.site,):
        version = store.version(key)
        if version is None:
            continue
        if version != sha256:
            raise Exists(f"The site's folder has another photo {key}, which would come up; remove that one first.")
        holding.append(store)
    return holding


def _merged(fields: ImageFields, said: Mapping[str, Any]) -> ImageFields:
    """The fields after the merge patch."""
    values = dict(said)
    for name in ("alt", "caption"):
        if name in said:
            texts = {} if said[name] is None else {**getattr(fields, name), **said[name]}
            by_tag = {locale.lower(): (locale, text) for locale, text in texts.items()}
            values[name] = {locale: text for locale, text in by_tag.values() if text is not None}
    if said.get("focal_point") is not None:
        values["focal_point"] = focus_after(fields.focal_point, said["focal_point"])
    return dataclasses.replace(fields, **values)
