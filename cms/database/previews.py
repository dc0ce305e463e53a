"""Links to what is not published: only the digest of the secret in each is kept.

A link works until it expires, and no longer than the token that made it exists.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select

from cms.database.tables import AnyRow, previews, tokens
from cms.model.ids import Name
from cms.model.moments import STEP_S

DAY_S = 24 * 60 * 60
MOST_S = 30 * DAY_S


def add(tx: Connection, values: dict[str, Any]) -> AnyRow:
    tx.execute(insert(previews).values(**values))
    return tx.execute(select(previews).where(previews.c.id == values["id"])).one()


def get(tx: Connection, preview_id: str) -> AnyRow | None:
    return tx.execute(select(previews).where(previews.c.id == preview_id)).one_or_none()


def by_digest(tx: Connection, digest: str, now: float) -> AnyRow | None:
    """Return the link with this digest, if it works at `now`."""
    return tx.execute(select(previews).where(previews.c.digest == digest, _works(now))).one_or_none()


def count(tx: Connection, name: Name, now: float) -> int:
    """Return how many links to the article work at `now`."""
    found = select(func.count()).select_from(previews).where(_is_of(name), _works(now))
    return int(tx.execute(found).scalar_one())


def page(
    tx: Connection, collections: Collection[str] | None, now: float, after: Sequence[Any] | None, limit: int
) -> list[AnyRow]:
    """Those that work at `now`, the newest first, of these collections (None: of all); `after` is the time and the id
    of the last one on the page before."""
    found = select(previews).where(_works(now))
    if collections is not None:
        found = found.where(previews.c.collection.in_(collections))
    if after is not None:
        moment, preview_id = after
        is_later = (previews.c.created_at == moment) & (previews.c.id > preview_id)
        found = found.where((previews.c.created_at < moment) | is_later)
    return list(tx.execute(found.order_by(previews.c.created_at.desc(), previews.c.id).limit(limit)))


def remove(tx: Connection, preview_id: str) -> None:
    tx.execute(delete(previews).where(previews.c.id == preview_id))


def remove_of(tx: Connection, name: Name) -> None:
    """All links to the article."""
    tx.execute(delete(previews).where(_is_of(name)))


def remove_of_token(tx: Connection, token_id: str) -> None:
    """Remove all links that were made with the token."""
    tx.execute(delete(previews).where(previews.c.token_id == token_id))


def remove_expired(tx: Connection, now: float) -> None:
    tx.execute(delete(previews).where(previews.c.expires_at <= now))


def _works(now: float) -> ColumnElement[bool]:
    """Return whether a link works; one that would for longer than any may was made while the clock was wrong."""
    works = (previews.c.expires_at > now) & (previews.c.expires_at <= now + MOST_S + STEP_S)
    # A process of an earlier version that revokes a token leaves its links.
    has_maker = or_(previews.c.token_id.is_(None), previews.c.token_id.in_(select(tokens.c.id)))
    return works & has_maker


def _is_of(name: Name) -> ColumnElement[bool]:
    return (previews.c.collection == name.collection) & (previews.c.name == name.id)
