"""Keeps what is deleted and replaced for a while, where nobody else can read it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cms.actions.photo_files import check_private, delete_from, key_of, local_copy
from cms.context import Context
from cms.database import clock, photo_visibility, trash
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.database.trash import Reason
from cms.errors import BUSY, NotFound, Stale, Unavailable
from cms.model.scopes import Actor
from cms.store.base import ABSENT, Key, Store

FOLDER = "trash"
KEPT_S = 30 * 86_400.0


@contextmanager
def kept(ctx: Context, actor: str, row: AnyRow, home: Store, reason: Reason) -> Iterator[None]:
    """While the block takes the photo away, and for 30 days after; unless it fails before the photo is gone.

    `Stale` when the file is not the one in the row any more.
    """
    check_private(ctx)
    trash_id = secrets.token_hex(12)
    with local_copy(home, key_of(row.path)) as (file, version):
        if version != row.sha256:
            raise Stale("The photo has changed since you looked.", current=version)
        ctx.private.write(trash_key(trash_id), file, expect=ABSENT)
    # Noted before the photo goes: should the power fail in between, it can be restored.
    with write(ctx.database) as tx:
        trash.add(tx, trash_id, actor, reason, row)
    try:
        yield
    except BaseException as error:
        with suppress(Unavailable):  # who cannot tell whether it is gone, keeps it
            if not _may_go_late(ctx, error) and home.version(key_of(row.path)) == row.sha256:
                remove(ctx, trash_id)
        raise


def _may_go_late(ctx: Context, error: BaseException) -> bool:
    """Whether the store may still do what it was asked for; without the locks it was not asked."""
    return isinstance(error, Unavailable) and error.code != BUSY and ctx.media.may_be_late


def page(tx: Connection, actor: Actor, path: str | None, after: Sequence[Any] | None, limit: int) -> list[AnyRow]:
    """What the actor may know of, as `cms.database.trash.page` has it."""
    wanted = trash.Wanted(clock.now(tx) - KEPT_S, path, _sees_secrets(actor))
    return trash.page(tx, wanted, after, limit)


def get(ctx: Context, actor: Actor, trash_id: str) -> AnyRow:
    with read(ctx.database) as tx:
        row, now = trash.get(tx, trash_id), clock.now(tx)
        is_hidden = (
            row is not None and not _sees_secrets(actor) and photo_visibility.was_secret(tx, row.path, row.sha256)
        )
    if row is None or is_hidden or row.time + KEPT_S < now:
        raise NotFound("There is no such photo in the trash; photos stay there for 30 days.")
    return row


@contextmanager
def opened(ctx: Context, trash_id: str) -> Iterator[Path]:
    """The bytes of a photo in the trash, in a file for the block."""
    with local_copy(ctx.private, trash_key(trash_id)) as (file, _):
        yield file


def remove(ctx: Context, trash_id: str) -> None:
    """For good; the bytes first, so that there is a row for as long as there are bytes."""
    delete_from(ctx.private, trash_key(trash_id))
    with write(ctx.database) as tx:
        trash.remove(tx, trash_id)


def _sees_secrets(actor: Actor) -> bool:
    """Of a photo that was never public nobody knows any more to whose draft it belonged."""
    return actor.may("articles:read-drafts")


def trash_key(trash_id: str) -> Key:
    """Return where the bytes lie in the private store."""
    return Key(f"{FOLDER}/{trash_id}")
