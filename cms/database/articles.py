"""The articles as the store's files say they are: derived rows, replaced whole."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, case, delete, or_, select, update

from cms.database import article_photos, batches, photo_visibility, shelves
from cms.database.batches import among, at, in_order, pairs
from cms.database.derived import articles
from cms.database.prepared import Prepared
from cms.database.shelves import Shelf
from cms.database.tables import AnyRow
from cms.errors import Problem
from cms.model.article import Article
from cms.model.ids import Name, bounded, fold
from cms.model.published import Bytes

_BY_KEY = Prepared(select(articles).where(articles.c.key == bindparam("key")))
_BY_ID = Prepared(
    select(articles)
    .where(articles.c.collection == bindparam("collection"), articles.c.id == bindparam("id"))
    .order_by(case((articles.c.status == "broken", 1), else_=0), articles.c.key)
)


MOST_BELOW = 20


class Place(NamedTuple):
    """Where an article stands in the log: the seq of its last change, and its times."""

    seq: int
    created_at: float
    updated_at: float


# Most edits leave these alone. Not to write them again leaves their indexes alone, too.
_STAYING = ("collection", "locale", "status", "shelf", "id", "fold", "twin", "visible", "due", "created_at")
_CHANGING = ("version", "digest", "seq", "updated_at", "mark", "problems", "lengths", "lean", "heavy")
_STANDS = Prepared(select(*(articles.c[name] for name in _STAYING)).where(articles.c.key == bindparam("key")))
_CHANGE = Prepared(
    update(articles)
    .where(articles.c.key == bindparam("at"))
    .values({name: bindparam(f"new_{name}", type_=articles.c[name].type) for name in _CHANGING})
)
_DELETE = Prepared(delete(articles).where(articles.c.key == bindparam("at")))


@dataclass(frozen=True, slots=True)
class Entry:
    """An article with what is published of it, its place in the log, and the store's mark of its file."""

    article: Article
    content: Bytes
    place: Place
    mark: str

    @property
    def shelf(self) -> Shelf:
        return Shelf(self.article.collection, self.article.locale, self.article.status)

    @property
    def paths(self) -> set[str]:
        """Of the photos that it shows."""
        return self.article.photos


def put(tx: Connection, entry: Entry) -> None:
    """Make the row and its photo references say what the article says."""
    key, row = entry.article.key, _row(entry)
    old = _STANDS.on(tx, {"key": key}).one_or_none()
    _move(tx, key, old, entry.shelf, entry.paths)
    if old is not None and all(getattr(old, name) == row[name] for name in _STAYING):
        _CHANGE.run(tx, {"at": key, **{f"new_{name}": row[name] for name in _CHANGING}})
        return
    if old is not None:
        _DELETE.run(tx, {"at": key})
    batches.add(tx, articles, [row])


def add(tx: Connection, entries: Sequence[Entry]) -> None:
    """As `put`, of articles whose keys have no rows yet."""
    shelves.count(tx, Counter(entry.shelf for entry in entries))
    shown = {path for entry in entries for path in entry.paths}
    photo_visibility.unsettle(tx, shown)
    batches.add(tx, articles, [_row(entry) for entry in entries])
    article_photos.add(tx, {entry.article.key: entry.paths for entry in entries})


def _row(entry: Entry) -> dict[str, Any]:
    article, content, place = entry.article, entry.content, entry.place
    return {
        "key": article.key,
        "shelf": entry.shelf.name,
        "collection": article.collection,
        "id": article.id,
        "fold": bounded(fold(article.id)),
        "locale": article.locale,
        "twin": article.twin,
        "status": article.status,
        "visible": article.is_visible,
        "due": article.due,
        "version": article.version,
        "digest": content.digest,
        "seq": place.seq,
        "created_at": place.created_at,
        "updated_at": place.updated_at,
        "mark": entry.mark,
        "lean": content.lean,
        "heavy": content.heavy,
        "lengths": content.lengths,
        "problems": json.dumps([[p.pointer, p.detail, p.code] for p in article.problems]),
    }


def remove(tx: Connection, key: str) -> None:
    old = _STANDS.on(tx, {"key": key}).one_or_none()
    _move(tx, key, old, None, set())
    if old is not None:
        _DELETE.run(tx, {"at": key})


def _move(tx: Connection, key: str, row: AnyRow | None, shelf: Shelf | None, paths: set[str]) -> None:
    """Bring the article from where its row stands to this shelf, showing these photos, or to none when it is gone."""
    old = None if row is None else Shelf(row.collection, row.locale, row.status)
    before = article_photos.of(tx, key)
    if old == shelf:
        photo_visibility.unsettle(tx, before ^ paths)
    else:
        shelves.count(tx, {place: number for place, number in ((old, -1), (shelf, 1)) if place is not None})
        photo_visibility.unsettle(tx, before | paths)
    if before != paths:
        article_photos.remove(tx, key)
        article_photos.add(tx, {key: paths})


def set_content(tx: Connection, key: str, content: Bytes, seq: int | None = None) -> None:
    """Replace what the row shows; with `seq`, the feed tells of it."""
    values: dict[str, Any] = content._asdict()
    if seq is not None:
        values["seq"] = seq
    tx.execute(update(articles).where(articles.c.key == key).values(**values))


def set_mark(tx: Connection, key: str, mark: str) -> None:
    tx.execute(update(articles).where(articles.c.key == key).values(mark=mark))


def forget_marks(tx: Connection, collection: str) -> int:
    """Have each article of the collection looked at again; returns how many these are."""
    return tx.execute(update(articles).where(articles.c.collection == collection).values(mark="")).rowcount


def due(tx: Connection, now: float) -> list[str]:
    """The keys of scheduled articles whose time has come, the longest overdue first."""
    found = select(articles.c.key).where(articles.c.due <= now).order_by(articles.c.due, articles.c.key)
    return list(tx.execute(found).scalars())


def get(tx: Connection, name: Name) -> AnyRow | None:
    """The article of that id; where two files claim it, the one that is not broken."""
    return _BY_ID.on(tx, {"collection": name.collection, "id": name.id}).first()


def by_key(tx: Connection, key: str) -> AnyRow | None:
    return _BY_KEY.on(tx, {"key": key}).one_or_none()


def alike(tx: Connection, name: Name, besides: str = "") -> AnyRow | None:
    """An article, in another file than `besides`, whose id equals this one but for case and Unicode form."""
    found = select(articles).where(articles.c.collection == name.collection, articles.c.fold == bounded(fold(name.id)))
    return tx.execute(found.where(articles.c.key != besides).limit(1)).one_or_none()


def with_ids(tx: Connection, collection: str, article_ids: Collection[str]) -> set[str]:
    """Those of the ids that articles of the collection have."""
    own = articles.c.collection == collection
    found = (select(articles.c.id).where(own, here) for here in among(articles.c.id, article_ids))
    return {row.id for some in found for row in tx.execute(some)}


def keys_below(tx: Connection, name: Name) -> Sequence[str]:
    """Return the keys of the first articles with this id or one that goes on after a slash, at most `MOST_BELOW`."""
    here = or_(*at(articles.c.id, [name.id, f"{name.id}/"]))
    found = select(articles.c.key).where(articles.c.collection == name.collection, here).order_by(articles.c.id)
    return tx.execute(found.limit(MOST_BELOW)).scalars().all()


def all_of(tx: Connection, collection: str | None = None) -> Iterator[Sequence[AnyRow]]:
    """Those of a collection, or all of them, some at a time."""
    keys = select(articles.c.key)
    keys = keys if collection is None else keys.where(articles.c.collection == collection)
    for here in among(articles.c.key, tx.execute(keys).scalars().all()):
        yield tx.execute(select(articles).where(here)).all()


def marks(tx: Connection) -> dict[str, str]:
    """The store's mark of each file as it was last read, by key."""
    return pairs(tx, select(articles.c.key, articles.c.mark))


def marks_in_order(tx: Connection, after: str) -> Generator[tuple[str, str], None, None]:
    """As `marks`, one after the other by the code points of the keys, of those after `after`."""
    return in_order(tx, articles.c.key, articles.c.mark, after)


def marks_at(tx: Connection, places: Collection[str]) -> dict[str, str]:
    """As `marks`, of these files and of those below these folders, whose names end in a slash."""
    found = (pairs(tx, select(articles.c.key, articles.c.mark).where(here)) for here in at(articles.c.key, places))
    return {key: mark for some in found for key, mark in some.items()}


def versions(tx: Connection, keys: Collection[str] | None = None) -> dict[str, str]:
    """The versions of these files, or of all, by key."""
    found = select(articles.c.key, articles.c.version)
    if keys is None:
        return pairs(tx, found)
    some = (pairs(tx, found.where(here)) for here in among(articles.c.key, keys))
    return {key: version for part in some for key, version in part.items()}


def broken(tx: Connection, collection: str | None = None) -> list[AnyRow]:
    """Return key, collection, id and problems of the broken articles of a collection (None: of all), ordered by key."""
    names = [shelf.name for shelf in shelves.all_of(tx, collection) if shelf.status == "broken"]
    found = select(articles.c.key, articles.c.collection, articles.c.id, articles.c.problems)
    return list(tx.execute(found.where(articles.c.shelf.in_(names)).order_by(articles.c.key))) if names else []


def problems_of(row: AnyRow) -> list[Problem]:
    return [Problem(*item) for item in json.loads(row.problems)]
