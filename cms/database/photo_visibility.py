"""Which photos the public sees.

Whatever may change that names the photos (`unsettle`), and only these are looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, Connection, delete, exists, insert, literal, select, update

from cms.database import batches
from cms.database.batches import among
from cms.database.derived import article_images, articles, images, unsettled_images
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow, changes


def set_visible(tx: Connection, path: str, visible: bool, seq: int) -> None:
    tx.execute(update(images).where(images.c.path == path).values(visible=visible, seq=seq))


_UNSETTLED = Prepared(select(unsettled_images.c.path).limit(1))


def unsettle(tx: Connection, paths: Iterable[str] = (), sent_for: Collection[str] = ()) -> None:
    """Have it looked at whether the public sees the photos at these paths, and those that were uploaded for articles,
    given by their keys."""
    changed = set(paths)
    for here in among(images.c.sent_for, sent_for):
        changed.update(tx.execute(select(images.c.path).where(here)).scalars())
    new = sorted(changed - batches.present(tx, unsettled_images.c.path, changed))
    batches.add(tx, unsettled_images, [{"path": path} for path in new])


def unsettle_all(tx: Connection) -> None:
    tx.execute(delete(unsettled_images))
    tx.execute(insert(unsettled_images).from_select(["path"], select(images.c.path)))


def unsettled(tx: Connection) -> list[AnyRow]:
    """Those of the photos to be looked at that are visible and should not be, or the other way round; from now on there
    are none to be looked at.

    The public sees what a visible article shows, and what no article shows, for pages and components may, unless it was
    uploaded for an article that is not visible. What the public has never seen needs an article that shows it, or that
    it was uploaded for.
    """
    if _UNSETTLED.on(tx).first() is None:
        return []
    shown = article_images.c.path == images.c.path
    is_shown = exists(select(1).where(shown))
    is_seen = exists(select(1).where(shown, article_images.c.key == articles.c.key, articles.c.visible))
    sent_for = select(1).where(articles.c.key == images.c.sent_for)
    is_held = exists(sent_for.where(articles.c.visible.is_(False)))
    may_come = exists(sent_for.where(articles.c.visible)) | ~is_secret(images.c.path, images.c.sha256)
    goes = images.c.visible & ~is_seen & (is_shown | is_held)
    comes = images.c.visible.is_(False) & (is_seen | (~is_shown & ~is_held & may_come))
    found = select(images).where(images.c.path.in_(select(unsettled_images.c.path)), goes | comes)
    rows = list(tx.execute(found.order_by(images.c.path)))
    tx.execute(delete(unsettled_images))
    return rows


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
