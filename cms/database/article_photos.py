"""Which photos articles refer to: derived rows, by the article's key and the photo's path."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, bindparam, delete, func, select

from cms.database import batches
from cms.database.batches import among, present
from cms.database.derived import article_images, articles
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow

_OF_ONE = Prepared(select(article_images.c.path).where(article_images.c.key == bindparam("key")))
_DELETE = Prepared(delete(article_images).where(article_images.c.key == bindparam("at")))


def add(tx: Connection, shown: Mapping[str, Collection[str]]) -> None:
    """The paths of the photos that these articles refer to, by key; none of them has rows yet."""
    batches.add(
        tx, article_images, [{"key": key, "path": path} for key, paths in shown.items() for path in sorted(paths)]
    )


def remove(tx: Connection, key: str) -> None:
    _DELETE.run(tx, {"at": key})


def of(tx: Connection, key: str) -> set[str]:
    """The paths of the photos that the article refers to."""
    return set(_OF_ONE.on(tx, {"key": key}).scalars())


def shown(tx: Connection, keys: Collection[str]) -> dict[str, set[str]]:
    """The paths of the photos that these articles refer to, by key."""
    return _by_key(tx, article_images.c.key, keys)


def showing(tx: Connection, path: str) -> list[AnyRow]:
    """The articles that refer to the photo."""
    found = select(articles).join(article_images, article_images.c.key == articles.c.key)
    return list(tx.execute(found.where(article_images.c.path == path).order_by(articles.c.key)))


def users(tx: Connection, paths: Collection[str]) -> dict[str, set[str]]:
    """Return those of the photos at these paths that each article refers to, by the article's key."""
    return _by_key(tx, article_images.c.path, paths)


def _by_key(tx: Connection, column: ColumnElement[str], wanted: Collection[str]) -> dict[str, set[str]]:
    """Return the paths in the rows whose column has one of the wanted values, by the article's key."""
    found: dict[str, set[str]] = defaultdict(set)
    for here in among(column, wanted):
        for key, path in tx.execute(select(article_images.c.key, article_images.c.path).where(here)):
            found[key].add(path)
    return found


def shown_anywhere(tx: Connection, paths: Collection[str]) -> set[str]:
    """Those of the photos that articles refer to."""
    return present(tx, article_images.c.path, paths)


def promised(tx: Connection, collection: str, start: str) -> set[str]:
    """The paths that begin so, of photos that articles of the collection refer to which the public sees or will see."""
    found = select(article_images.c.path).join(articles, article_images.c.key == articles.c.key)
    own = (articles.c.collection == collection, articles.c.status.in_(("published", "scheduled")))
    return set(tx.execute(found.where(*own, article_images.c.path.startswith(start, autoescape=True))).scalars())


def number(tx: Connection) -> int:
    """How often articles refer to photos."""
    return int(tx.execute(select(func.count()).select_from(article_images)).scalar_one())
