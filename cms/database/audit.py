"""The audit trail: the whole log, newest first, as far as somebody asks for it and may see it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Select, and_, func, select

from cms.database.tables import AnyRow, changes

Action = Literal["created", "updated", "renamed", "confirmed", "deleted"]
STEP = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """Which changes; None asks for all. `since` and `until` (exclusive) are seconds since the epoch. With `is_latest`
    only the last change under each name. `collections` are those whose articles may be told of, and then no photos."""

    actor: str | None = None
    source: str | None = None
    subject: str | None = None
    collection: str | None = None
    action: Action | None = None
    since: float | None = None
    until: float | None = None
    is_latest: bool = False
    collections: tuple[str, ...] | None = None


def page(tx: Connection, asked: Asked, before: int | None, limit: int) -> list[AnyRow]:
    """At most `limit` changes before the seq `before`, without their texts."""
    found = _matching(asked)
    if before is not None:
        found = found.where(changes.c.seq < before)
    return list(tx.execute(found.order_by(changes.c.seq.desc()).limit(limit)))


def walk(tx: Connection, asked: Asked, before: int | None) -> Iterator[AnyRow]:
    """All of them, read in small steps."""
    while rows := page(tx, asked, before, STEP):
        yield from rows
        before = rows[-1].seq


def _matching(asked: Asked) -> Select[Any]:
    found = select(*(column for column in changes.c if column.name != "text"))
    for name in ("actor", "source", "subject", "collection"):
        value = getattr(asked, name)
        if value is not None:
            found = found.where(changes.c[name] == value)
    if asked.action is not None:
        found = found.where(_is(asked.action))
    if asked.since is not None:
        found = found.where(changes.c.time >= asked.since)
    if asked.until is not None:
        found = found.where(changes.c.time < asked.until)
    if asked.is_latest:
        found = found.where(_is_last())
    if asked.collections is not None:
        found = found.where(changes.c.subject == "article", changes.c.collection.in_(asked.collections))
    return found


def _is(action: Action) -> ColumnElement[bool]:
    """A rename is two changes, and each of both is told as one."""
    if action == "renamed":
        return changes.c.other.is_not(None)
    return and_(changes.c.action == action, changes.c.other.is_(None))


def _is_last() -> ColumnElement[bool]:
    later = changes.alias()
    same = and_(*(later.c[name] == changes.c[name] for name in ("subject", "collection", "name")))
    last = select(func.max(later.c.seq)).where(same).correlate(changes).scalar_subquery()
    return changes.c.seq == last
