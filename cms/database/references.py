"""Finds the articles that may refer to another, by the index of values."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from sqlalchemy import Connection, select, union

from cms.database import shelves
from cms.database.derived import article_values, articles
from cms.database.tables import AnyRow
from cms.model.field_values import HEAD, comparable

_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?")


AT_ONCE = 500
"""Articles that are read at once."""


def candidates(tx: Connection, collection: str, fields: Collection[str], article_id: str) -> Iterator[AnyRow]:
    """Yield the articles of the collection one of whose fields may hold the id, in the order of keys; letter case and
    Unicode form do not count."""
    own = (
        article_values.c.shelf.in_([shelf.name for shelf in shelves.all_of(tx, collection)]),
        article_values.c.field.in_(fields),
    )
    wanted = comparable(article_id)
    is_text = (article_values.c.head == wanted[:HEAD], article_values.c.text == wanted)
    holders = [select(article_values.c.key).where(*own, *is_text)]
    if _NUMBER.fullmatch(article_id):
        holders.append(select(article_values.c.key).where(*own, article_values.c.number == float(article_id)))
    columns = (articles.c[name] for name in ("key", "collection", "id", "status", "visible", "lean"))
    found = select(*columns).order_by(articles.c.key)
    keys = sorted(tx.execute(union(*holders)).scalars())
    for start in range(0, len(keys), AT_ONCE):
        yield from tx.execute(found.where(articles.c.key.in_(keys[start : start + AT_ONCE])))
