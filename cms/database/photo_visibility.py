"""Who sees a photo: the one rule, and the state that it goes by.

A photo is public or hidden (`images.visible`), and it is at home in collections (`image_homes`). Both change only here.

Home. A photo that is sent for an article is at home in that article's collection. One that is put by hand, or that git
brings, is at home in the collections of the visible articles that show it when the pass over the files ends, else in
those of the hidden ones, else in those of the working copies, else nowhere. A photo that is sent to a folder is at home
nowhere. A hidden photo gets another home when an article or a working copy there begins to show it, by hand, or by an
editor who sees the photo and may publish in each of its homes (`actions/photo_rights.py`).

Hidden to public. A visible article at one of the photo's homes shows it. Nothing else makes a hidden photo public.

Public to hidden. The article that stops being visible is at one of its homes and goes on showing it, and no visible
article shows it any more. What is hidden never changes what is public: a draft or a working copy that shows a public
photo leaves it public, and so does their deletion.

On arrival. A photo sent for an article is hidden. One sent to a folder is public if the sender may publish in all
collections, else hidden. One put by hand is public unless hidden articles alone show it. A photo that comes back after
its deletion, with the same bytes, is as it was.

Sight. Everybody sees a public photo. A hidden one is seen by who may read drafts in one of its homes, and by the token
that sent it; one without a home only by that token and by who may read all drafts. To everybody else it is not there.
An article tells of a photo's facts only if the photo is public or at home in the article's own collection.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, exists, false, insert, literal, null, select, update
from sqlalchemy import true as always

from cms.database import batches
from cms.database.batches import among
from cms.database.derived import article_images, articles, images, unsettled_images
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow, changes, draft_images, image_homes

NOWHERE = ""
"""Stands for a collection in the row of a photo that is known to be at home in none."""


class Sight(NamedTuple):
    """The hidden photos that somebody sees: those of `drafts_in`, the collections whose drafts they may read (None: of
    all), and those that the token `sender` sent."""

    drafts_in: Sequence[str] | None = ()
    sender: str | None = None


ALL = Sight(None)
PUBLIC = Sight(())


def may_see(sight: Sight) -> ColumnElement[bool]:
    """Whether somebody sees a photo."""
    if sight.drafts_in is None:
        return always()
    of_photo = image_homes.c.path == images.c.path
    is_own: ColumnElement[bool] = false()
    if sight.drafts_in:
        is_own = exists(select(1).where(of_photo, image_homes.c.collection.in_(sight.drafts_in)))
    if sight.sender is not None:
        is_own |= exists(select(1).where(of_photo, image_homes.c.sent_by == sight.sender))
    return images.c.visible | is_own


def is_told_in(collection: str) -> ColumnElement[bool]:
    """Whether the articles of the collection tell of a photo's facts."""
    return images.c.visible | _is_at_home(collection)


def _is_at_home(collection: str) -> ColumnElement[bool]:
    return exists(select(1).where(image_homes.c.path == images.c.path, image_homes.c.collection == collection))


def homes(tx: Connection, path: str) -> set[str]:
    """The collections in which the photo is at home."""
    found = select(image_homes.c.collection).where(image_homes.c.path == path, image_homes.c.collection != NOWHERE)
    return set(tx.execute(found).scalars())


def is_sender(tx: Connection, path: str, token_id: str | None) -> bool:
    """Return whether the token sent the photo."""
    own = select(1).where(image_homes.c.path == path, image_homes.c.sent_by == token_id)
    return token_id is not None and tx.execute(own).first() is not None


def settle_at(tx: Connection, path: str, collection: str, sent_by: str | None) -> None:
    """Make the collection, or `NOWHERE`, the only home of the photo, which the token `sent_by` sent."""
    forget(tx, path)
    tx.execute(insert(image_homes).values(path=path, collection=collection, sent_by=sent_by))


def forget(tx: Connection, path: str) -> None:
    """Have the photo's home found again: another photo is in its place."""
    tx.execute(delete(image_homes).where(image_homes.c.path == path))


def adopt(tx: Connection, paths: Collection[str], collection: str) -> None:
    """Make the hidden ones of the photos at home in the collection, too."""
    is_known = exists(select(1).where(image_homes.c.path == images.c.path))
    new = (images.c.visible.is_(False), is_known, ~_is_at_home(collection))
    queries = (select(images.c.path).where(here, *new) for here in among(images.c.path, paths))
    found = [path for query in queries for path in tx.execute(query).scalars()]
    batches.add(tx, image_homes, [{"path": path, "collection": collection} for path in found])
    unsettle(tx, found)


def set_visible(tx: Connection, path: str, visible: bool, seq: int) -> None:
    tx.execute(update(images).where(images.c.path == path).values(visible=visible, seq=seq))


def unsettle(tx: Connection, paths: Iterable[str]) -> None:
    """Have the photos at these paths looked at by the next `unsettled`."""
    changed = set(paths)
    new = sorted(changed - batches.present(tx, unsettled_images.c.path, changed))
    batches.add(tx, unsettled_images, [{"path": path, "is_left": False} for path in new])


def leave(tx: Connection, paths: Collection[str], collection: str) -> None:
    """An article of the collection, which goes on showing the photos at these paths, is not visible any more."""
    unsettle(tx, paths)
    own = select(image_homes.c.path).where(image_homes.c.collection == collection)
    for here in among(unsettled_images.c.path, paths):
        tx.execute(update(unsettled_images).where(here, unsettled_images.c.path.in_(own)).values(is_left=True))


def unsettle_all(tx: Connection) -> None:
    is_there = exists(select(1).where(unsettled_images.c.path == images.c.path))
    rest = select(images.c.path, false()).where(~is_there)
    tx.execute(insert(unsettled_images).from_select(["path", "is_left"], rest))


_UNSETTLED = Prepared(select(unsettled_images.c.path).limit(1))


def has_unsettled(tx: Connection) -> bool:
    """Whether there are photos to be looked at."""
    return _UNSETTLED.on(tx).first() is not None


def unsettled(tx: Connection, *, is_whole: bool) -> list[AnyRow]:
    """Return the rows of the photos that become public or hidden, of those to be looked at; they are looked at no more.

    A photo whose home is not known has just come by hand. It waits until a pass over the files ends (`is_whole`), for
    an article that shows it may come with it.
    """
    if not has_unsettled(tx):
        return []
    is_known = exists(select(1).where(image_homes.c.path == images.c.path))
    shown = (article_images.c.path == images.c.path, article_images.c.key == articles.c.key)
    is_shown = exists(select(1).where(article_images.c.path == images.c.path))
    is_seen = exists(select(1).where(*shown, articles.c.visible))
    at_home = (image_homes.c.path == images.c.path, image_homes.c.collection == articles.c.collection)
    is_seen_at_home = exists(select(1).where(*shown, articles.c.visible, *at_home))
    goes = images.c.visible & ~is_seen & (unsettled_images.c.is_left | (~is_known & is_shown))
    comes = images.c.visible.is_(False) & (is_seen_at_home | (~is_known & is_seen))
    found = select(images).join(unsettled_images, unsettled_images.c.path == images.c.path).where(goes | comes)
    if not is_whole:
        found = found.where(is_known)
    rows = list(tx.execute(found.order_by(images.c.path)))
    if is_whole:
        _find_homes(tx)
    waits = exists(select(1).where(images.c.path == unsettled_images.c.path, ~is_known))  # none after a whole pass
    tx.execute(delete(unsettled_images).where(~waits))
    return rows


def _find_homes(tx: Connection) -> None:
    """Give the photos to be looked at that have come by hand a home, by the articles that show them."""
    is_known = exists(select(1).where(image_homes.c.path == images.c.path))
    new = (images.c.path == unsettled_images.c.path, ~is_known)
    shown = (article_images.c.path == images.c.path, articles.c.key == article_images.c.key)
    columns = ["path", "collection", "sent_by"]
    seen = select(images.c.path, articles.c.collection, null()).where(*new, *shown, articles.c.visible).distinct()
    hidden = select(images.c.path, articles.c.collection, null()).where(*new, *shown).distinct()
    in_copy = draft_images.c.path == images.c.path
    copied = select(images.c.path, draft_images.c.collection, null()).where(*new, in_copy).distinct()
    nowhere = select(images.c.path, literal(NOWHERE), null()).where(*new)
    for found in (seen, hidden, copied, nowhere):
        tx.execute(insert(image_homes).from_select(columns, found))


def is_secret(path: ColumnElement[str], sha256: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a photo of these bytes has been there, and the public has never seen it."""
    own = select(1).where(
        changes.c.subject == "image",
        changes.c.collection == "",
        changes.c.name == path,
        changes.c.version.startswith(sha256),
    )
    return exists(own) & ~exists(own.where(changes.c.visible_after))


def was_secret(tx: Connection, path: str, sha256: str) -> bool:
    """As `is_secret` has it."""
    return bool(tx.execute(select(is_secret(literal(path), literal(sha256)))).scalar())
