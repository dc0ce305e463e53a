"""Finds an article for those who may know of it."""

from __future__ import annotations

from sqlalchemy import Connection

from cms.database import article_photos, articles, drafts, history, images
from cms.database.photo_visibility import Sight
from cms.database.tables import AnyRow
from cms.errors import Moved, NotFound
from cms.model.ids import Name
from cms.model.scopes import Actor

_MOST_RENAMES = 32


def visible(tx: Connection, actor: Actor, name: Name) -> AnyRow:
    """The article's row; `Moved` when it has another id now, `NotFound` when nobody may tell the actor of it."""
    row = articles.get(tx, name)
    if row is None:
        _tell_if_moved(tx, actor, name)
    elif is_visible(actor, row):
        return row
    hint = " that this token may see; drafts need articles:read-drafts" if actor.may("articles:write") else ""
    raise NotFound(f"There is no article {name}{hint}.")


def is_visible(actor: Actor, row: AnyRow) -> bool:
    return bool(row.visible) or actor.may("articles:read-drafts", row.collection)


def drafts_in(actor: Actor) -> tuple[str, ...] | None:
    """The collections whose drafts the actor may read; None for all of them."""
    scope = "articles:read-drafts"
    return None if actor.may(scope) else actor.collections(scope)


def sight(actor: Actor) -> Sight:
    """Return the hidden photos that the actor sees, as a `Sight`."""
    return Sight(drafts_in(actor), actor.token_id)


def photo(tx: Connection, actor: Actor, path: str) -> AnyRow:
    """The photo's row; `NotFound` when nobody may tell the actor of it."""
    row = images.get(tx, path, sight(actor))
    if row is None:
        raise NotFound(f"There is no photo {path}.")
    return row


def users(tx: Connection, actor: Actor, path: str) -> list[str]:
    """The articles that show the photo, or whose working copies do, as far as the actor may know of that."""
    shown = [Name(row.collection, row.id) for row in article_photos.showing(tx, path) if is_visible(actor, row)]
    copies = [name for name in drafts.showing(tx, path) if actor.may("articles:read-drafts", name.collection)]
    return list(dict.fromkeys(map(str, [*shown, *copies])))


def _tell_if_moved(tx: Connection, actor: Actor, name: Name) -> None:
    now = name
    for _ in range(_MOST_RENAMES):
        change = history.moved_to(tx, now)
        if change is None or not (change.visible_before or actor.may("articles:read-drafts", name.collection)):
            return
        now = Name(name.collection, change.other)
        row = articles.get(tx, now)
        if row is not None and row.status != "broken":
            if is_visible(actor, row):
                raise Moved(f"{name} is called {now} now.", moved_to=str(now))
            return
