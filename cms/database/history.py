"""What the log tells of one article, under every id that it has had.

A rename is two changes: the old id is deleted, the new one created, each naming the `other`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, bindparam, case, exists, func, or_, select

from cms.database.batches import among
from cms.database.derived import articles
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow, changes
from cms.model.ids import Name

_MOST_RENAMES = 100
_END = 2**62


@dataclass(frozen=True, slots=True)
class _Life:
    """The changes under one id, from `first` on and before `end`."""

    id: str
    first: int
    end: int


def page(tx: Connection, name: Name, *, before: int | None, limit: int) -> list[AnyRow]:
    """An article's changes, newest first."""
    found = _all(tx, name)
    if before is not None:
        found = found.where(changes.c.seq < before)
    return list(tx.execute(found.limit(limit)))


def one(tx: Connection, name: Name, seq: int) -> AnyRow | None:
    return tx.execute(_all(tx, name).where(changes.c.seq == seq)).one_or_none()


def before(tx: Connection, name: Name, change: AnyRow) -> AnyRow | None:
    """The article's change before this one."""
    return tx.execute(_all(tx, name).where(changes.c.seq < change.seq).limit(1)).one_or_none()


def text_of(tx: Connection, name: Name, version: str) -> bytes | None:
    """The article's file as it was at that version."""
    found = _all(tx, name).where(changes.c.version == version, changes.c.text.is_not(None))
    row = tx.execute(found.limit(1)).one_or_none()
    return None if row is None else row.text


def is_purged(tx: Connection, name: Name, version: str) -> bool:
    """Whether the article's text at that version was taken out."""
    found = _all(tx, name).where(changes.c.version == version, changes.c.purged_at.is_not(None))
    return tx.execute(found.limit(1)).first() is not None


def text_at(tx: Connection, name: Name, seq: int) -> bytes | None:
    """The article's file as it was before the change `seq`, or as it began when that was later."""
    texts = _all(tx, name).where(changes.c.text.is_not(None))
    before = tx.execute(texts.where(changes.c.seq < seq).limit(1)).one_or_none()
    row = before or tx.execute(texts.order_by(None).order_by(changes.c.seq).limit(1)).one_or_none()
    return None if row is None else row.text


def written(tx: Connection, name: Name, version: str) -> int | None:
    """The change since which the article's file has had this version, which is its present one; or by which somebody
    has said last that it is right as it is."""
    found = _all(tx, name)
    other = tx.execute(found.where(changes.c.version != version).limit(1)).one_or_none()
    since = found.where(changes.c.version == version, changes.c.seq > (0 if other is None else other.seq))
    confirmed = tx.execute(since.where(changes.c.action == "confirmed").limit(1)).one_or_none()
    row = confirmed or tx.execute(since.order_by(None).order_by(changes.c.seq).limit(1)).one_or_none()
    return None if row is None else row.seq


class Span(NamedTuple):
    """The change that may first have brought an article's present version, at the earliest, and its last change."""

    written: int
    last: int


_PRESENT = func.min(case((changes.c.version == articles.c.version, changes.c.seq)))


def spans(tx: Connection, collection: str, ids: Sequence[str]) -> dict[str, Span]:
    """Of many articles at once, those that were never renamed."""
    asked = {f"id_{place}": one for place, one in enumerate(ids)}
    rows = _spans(len(ids)).on(tx, {"collection": collection, **asked}) if ids else ()
    return {row.name: Span(row.written, row.last) for row in rows}


@lru_cache(maxsize=128)
def _spans(number: int) -> Prepared:
    """Of so many articles, which have the ids `id_0`, …"""
    ids = [bindparam(f"id_{place}", type_=Text) for place in range(number)]
    return Prepared(
        select(changes.c.name, _PRESENT.label("written"), func.max(changes.c.seq).label("last"))
        .join(articles, and_(articles.c.collection == changes.c.collection, articles.c.id == changes.c.name))
        .where(
            changes.c.subject == "article",
            changes.c.collection == bindparam("collection"),
            changes.c.name.in_(ids),
        )
        .group_by(changes.c.name)
        .having(func.max(changes.c.other).is_(None), _PRESENT.is_not(None))
    )


def born(tx: Connection, name: Name) -> float | None:
    """When the article was created, whatever it was called then."""
    life = _lives(tx, name)[-1]
    row = tx.execute(_under(name.collection, life).where(changes.c.action == "created").limit(1)).one_or_none()
    return None if row is None else row.time


def births(tx: Connection, collection: str, names: Collection[str]) -> dict[str, float]:
    """As `born`, of many articles, by id; those that were never renamed."""
    own = (changes.c.subject == "article", changes.c.collection == collection)
    created = func.max(case((changes.c.action == "created", changes.c.seq)))
    first = select(created).where(*own).group_by(changes.c.name).having(func.max(changes.c.other).is_(None))
    found = (
        select(changes.c.name, changes.c.time).where(changes.c.seq.in_(first.where(here)))
        for here in among(changes.c.name, names)
    )
    return {row.name: row.time for some in found for row in tx.execute(some)}


def without_row(tx: Connection) -> list[AnyRow]:
    """The last changes, with the text, of articles that are there by the log, of which there is no row and no other
    of their file."""
    own = (changes.c.subject == "article", changes.c.action != "confirmed")
    last = select(func.max(changes.c.seq)).where(*own).group_by(changes.c.collection, changes.c.name)
    is_known = exists().where(
        or_(
            articles.c.key == changes.c.key,
            and_(articles.c.collection == changes.c.collection, articles.c.id == changes.c.name),
        )
    )
    found = select(changes).where(changes.c.seq.in_(last), changes.c.action != "deleted", ~is_known)
    return list(tx.execute(found.where(changes.c.text.is_not(None)).order_by(changes.c.seq)))


def moved_to(tx: Connection, name: Name) -> AnyRow | None:
    """The change by which the id was given up for the one in its `other`; None when it was not, or is in use again."""
    row = tx.execute(_of(name.collection, name.id).limit(1)).one_or_none()
    return row if row is not None and row.action == "deleted" and row.other is not None else None


def _all(tx: Connection, name: Name) -> Select[*tuple[Any, ...]]:
    newest, *older = _lives(tx, name)
    # That an id was given up is told by what it was given up for.
    told: list[ColumnElement[bool]] = [_within(newest)]
    told += [and_(_within(life), or_(changes.c.action != "deleted", changes.c.other.is_(None))) for life in older]
    found = select(changes).where(changes.c.subject == "article", changes.c.collection == name.collection, or_(*told))
    return found.order_by(changes.c.seq.desc())


def _lives(tx: Connection, name: Name) -> list[_Life]:
    lives: list[_Life] = []
    own_id, end = name.id, _END
    while len(lives) < _MOST_RENAMES:
        rows = _of(name.collection, own_id).where(changes.c.seq < end)
        last = tx.execute(rows.limit(1)).one_or_none()
        renamed = rows.where(changes.c.other.is_not(None))
        if last is not None and last.action == "deleted":
            renamed = renamed.where(changes.c.seq != last.seq)
        row = tx.execute(renamed.limit(1)).one_or_none()
        if row is None or row.action == "deleted":
            return [*lives, _Life(own_id, 0 if row is None else row.seq + 1, end)]
        lives.append(_Life(own_id, row.seq, end))
        own_id, end = row.other, row.seq
    return lives


def _of(collection: str, own_id: str) -> Select[*tuple[Any, ...]]:
    return _under(collection, _Life(own_id, 0, _END))


def _under(collection: str, life: _Life) -> Select[*tuple[Any, ...]]:
    own = select(changes).where(changes.c.subject == "article", changes.c.collection == collection, _within(life))
    return own.order_by(changes.c.seq.desc())


def _within(life: _Life) -> ColumnElement[bool]:
    return and_(changes.c.name == life.id, changes.c.seq >= life.first, changes.c.seq < life.end)
