"""Takes in photos that clients put straight into the bucket, by a URL of ours: first announced, then completed.

What arrives still tells where it was taken, so it lies in the private store, until it is taken in like any upload.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from cms.actions import places, upload
from cms.actions.develop import Upload
from cms.actions.photo_files import delete_from, local_copy
from cms.actions.places import Place
from cms.actions.upload import Sending, Stored
from cms.context import Context
from cms.database import clock, images, uploads
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import CmsError, Gone, Invalid, NotFound, NotOffered, NotReady, Problem, TooLarge, UnsupportedType
from cms.model.photo import ACCEPTED_TYPES
from cms.model.scopes import Actor
from cms.store.base import Key

FOLDER = "uploads"
URL_S = 3600
KEPT_S = 86_400.0
"""So long an upload may be completed, and completed again."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A file that a client is going to send: its name, size in bytes and media type."""

    name: str
    bytes: int
    type: str


@dataclass(frozen=True, slots=True)
class Begun:
    """Where to PUT the file, until when (seconds since the epoch), and how its upload is called then."""

    id: str
    url: str
    headers: dict[str, str]
    expires_at: float


def begin(
    ctx: Context, actor: Actor, article: str | None, folder: str | None, files: Sequence[Announced], keep_credit: bool
) -> list[Begun]:
    """URLs for the files; nothing is promised for one that is refused, and then for none."""
    places.choose(ctx, actor, article, folder)
    _check(ctx, files)
    begun = [_begin(ctx, file) for file in files]
    with write(ctx.database) as tx:
        expires_at = clock.now(tx) + KEPT_S
        for file, item in zip(files, begun, strict=True):
            values = {"id": item.id, "expires_at": expires_at}
            place = {"article": article, "folder": folder, "keeps_credit": keep_credit}
            uploads.add(tx, {**values, **place, "name": file.name, "bytes": file.bytes})
    return begun


def complete(ctx: Context, actor: Actor, upload_id: str, message: str | None = None) -> Stored:
    """Take the photo in; to complete it again gives the same answer."""
    row = _find(ctx, upload_id)
    place = places.choose(ctx, actor, row.article, row.folder)
    if row.path is None:
        try:
            return _take_in(ctx, Sending(actor, row.keeps_credit, message), row, place)
        except (NotReady, NotFound):
            # Perhaps it is not there any more, because the same request was quicker.
            row = _find(ctx, upload_id)
            if row.path is None:
                raise
    with read(ctx.database) as tx:
        image = images.get(tx, row.path)
    if image is None:
        raise Gone(f"The photo was taken in as {row.path} and is not there any more.")
    return upload.stored(image, place)


def discard(ctx: Context, upload_id: str) -> None:
    """Forget the upload, and what has arrived of it."""
    delete_from(ctx.private, _key(upload_id))
    with write(ctx.database) as tx:
        uploads.remove(tx, upload_id)


def _check(ctx: Context, files: Sequence[Announced]) -> None:
    limits = ctx.settings.limits
    if len(files) > limits.request_files:
        raise TooLarge(f"At most {limits.request_files} photos are taken at once; send the others after them.")
    for number, file in enumerate(files):
        if file.bytes > limits.photo_bytes:
            detail = f"{file.name} has {file.bytes} bytes; at most {limits.photo_bytes} are accepted"
            raise _wrong(TooLarge, f"/files/{number}/bytes", detail, "photo_too_large")
        if file.type not in ACCEPTED_TYPES:
            detail = f"{file.name} is {file.type}; photos are {', '.join(ACCEPTED_TYPES)}"
            raise _wrong(UnsupportedType, f"/files/{number}/type", detail, "photo_type")


def _begin(ctx: Context, file: Announced) -> Begun:
    upload_id = secrets.token_hex(16)
    url = ctx.private.presign(_key(upload_id), size=file.bytes, content_type=file.type, expires_s=URL_S)
    if url is None:
        raise NotOffered("Photos cannot be put straight into the storage here; send them by POST /images.")
    return Begun(upload_id, url, {"Content-Type": file.type}, clock.of(ctx.database)() + URL_S)


def _find(ctx: Context, upload_id: str) -> AnyRow:
    with read(ctx.database) as tx:
        row, now = uploads.get(tx, upload_id), clock.now(tx)
    if row is None:
        raise NotFound("There is no such upload; announce the file by POST /uploads.")
    if row.expires_at < now:
        raise Gone("This upload has expired; announce the file again.", code="expired")
    return row


def _take_in(ctx: Context, sending: Sending, row: AnyRow, place: Place) -> Stored:
    key = _key(row.id)
    found = ctx.private.stat(key)
    if found is None:
        raise NotReady("The file has not arrived; PUT it to the upload's url first.", code="upload_missing")
    if found.size != row.bytes:
        detail = f"{found.size} bytes have arrived, {row.bytes} were announced; PUT the file again"
        raise _wrong(Invalid, "", detail, "upload_incomplete")
    with local_copy(ctx.private, key) as (file, _):
        (stored,) = upload.upload(ctx, sending, place, [Upload(row.name, file)])
    with write(ctx.database) as tx:
        uploads.set_path(tx, row.id, stored.row.path)
    delete_from(ctx.private, key)
    return stored


def _key(upload_id: str) -> Key:
    return Key(f"{FOLDER}/{upload_id}")


def _wrong(kind: type[CmsError], where: str, detail: str, code: str) -> CmsError:
    return kind(detail, code=code, problems=[Problem(where, detail, code)])
