"""The rights of an actor to a photo: to name it in an article, change it, fill its place.

Who sees it at all, and what makes it public, says `database/photo_visibility.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from cms.actions import absorb_images, lookup
from cms.actions.places import Place
from cms.context import Context
from cms.database import article_photos, images, photo_visibility
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model.article import Article
from cms.model.scopes import Actor
from cms.model.visibility import will_be_seen


def adopted(ctx: Context, actor: Actor, article: Article, was: Article | None) -> frozenset[str]:
    """Return the paths of the hidden photos of other collections that the article names and `was` did not.

    Raise `Forbidden` unless the actor may publish where they are at home, or in all collections when that is nowhere
    and others sent them; and in the article's collection, when that makes them public, for a visible article there
    names them already. Photos that the actor does not see are left out: to the actor they are missing.
    """
    named = article.photos - (was.photos if was is not None else set())
    with read(ctx.database) as tx:
        found = {path: photo_visibility.homes(tx, path) for path in images.hidden(tx, named, lookup.sight(actor))}
        foreign = {path: homes for path, homes in found.items() if article.collection not in homes}
        for path, homes in foreign.items():
            for collection in _of_adoption(tx, actor, article, path, homes):
                actor.require("articles:publish", collection)
    return frozenset(foreign)


def _of_adoption(tx: Connection, actor: Actor, article: Article, path: str, homes: set[str]) -> Iterator[str | None]:
    """Yield the collections in which publishing is needed to make the photo at home with the article, None for all."""
    yield from sorted(homes)
    if not homes and not photo_visibility.is_sender(tx, path, actor.token_id):
        yield None
    users = article_photos.showing(tx, path)
    if any(user.collection == article.collection and will_be_seen(user.status) for user in users):
        yield article.collection


def require_change(tx: Connection, actor: Actor, row: AnyRow) -> None:
    """Refuse who may not change the photo: `images:write` is needed where it is at home and where visible articles show
    it, or for all collections when that is nowhere; and `articles:publish` likewise, if the public sees it now or will
    see it without anybody doing more."""
    for collection in _collections(tx, row):
        actor.require("images:write", collection)
    require_publish(tx, actor, row)


def require_publish(tx: Connection, actor: Actor, row: AnyRow) -> None:
    """Refuse who lacks the right to publish that `require_change` asks for."""
    users = article_photos.showing(tx, row.path)
    homes = photo_visibility.homes(tx, row.path)
    if row.visible:
        needed = _collections(tx, row)
    else:
        needed = sorted({user.collection for user in users if will_be_seen(user.status)} & homes)
    for collection in needed:
        actor.require("articles:publish", collection)


def require_return(tx: Connection, actor: Actor, path: str, sha256: str) -> None:
    """Refuse to bring a photo of these bytes back where nothing is, if the public sees it then, or will see it, and the
    actor may not publish in all collections."""
    is_promised = any(will_be_seen(user.status) for user in article_photos.showing(tx, path))
    if is_promised or absorb_images.comes_back_visible(tx, path, sha256):
        actor.require("articles:publish")


def _collections(tx: Connection, row: AnyRow) -> list[str | None]:
    homes = photo_visibility.homes(tx, row.path)
    if not homes:
        return [None]
    seen = {user.collection for user in article_photos.showing(tx, row.path) if user.visible}
    return sorted(homes | seen)


def promised(tx: Connection, actor: Actor, place: Place) -> set[str]:
    """Return the file names in the folder under which a photo that the actor sends would be public at once, though the
    actor may not publish: articles that the public sees, or will see, name them already."""
    if not place.collection or actor.may("articles:publish", place.collection):
        return set()
    start = f"{place.folder}/"
    paths = article_photos.promised(tx, place.collection, start)
    return {path.removeprefix(start) for path in paths if "/" not in path.removeprefix(start)}
