"""Articles that are translations of each other; broken ones are none of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, and_, bindparam, select

from cms.database.batches import among
from cms.database.derived import articles
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow
from cms.model.article import Article

_TWINS = Prepared(
    select(articles).where(
        articles.c.collection == bindparam("collection"),
        articles.c.twin == bindparam("twin"),
        articles.c.id != bindparam("id"),
        articles.c.locale.is_not(None),
        articles.c.status != "broken",
    )
)


def twins(tx: Connection, row: AnyRow | Article) -> list[AnyRow]:
    """The same article in other locales, seen or not."""
    if row.locale is None:
        return []
    return list(_TWINS.on(tx, {"collection": row.collection, "twin": row.twin, "id": row.id}))


def with_twins(tx: Connection, collection: str, names: Collection[str]) -> list[AnyRow]:
    """The articles that are translations of each other by these names, seen or not."""
    found = select(articles).where(
        articles.c.collection == collection, articles.c.locale.is_not(None), articles.c.status != "broken"
    )
    return [row for here in among(articles.c.twin, names) for row in tx.execute(found.where(here))]


def twin_names(tx: Connection, collection: str, after: str, limit: int) -> list[str]:
    """What the ids of translations of each other share, in order."""
    own = and_(articles.c.collection == collection, articles.c.locale.is_not(None), articles.c.status != "broken")
    found = select(articles.c.twin).where(own, articles.c.twin > after).distinct()
    return list(tx.execute(found.order_by(articles.c.twin).limit(limit)).scalars())


def twin_groups(tx: Connection, collection: str, names: Sequence[str]) -> dict[str, list[AnyRow]]:
    """The articles whose ids share one of these, by it, in the order of the names, without their content."""
    columns = (column for column in articles.c if column.name not in {"heavy", "lean"})
    own = and_(articles.c.collection == collection, articles.c.locale.is_not(None), articles.c.status != "broken")
    found: dict[str, list[AnyRow]] = {name: [] for name in names}
    for row in tx.execute(select(*columns).where(own, articles.c.twin.in_(names)).order_by(articles.c.id)):
        found[row.twin].append(row)
    return {name: rows for name, rows in found.items() if rows}
