"""Takes over the collections' rules: which collections there are, their schemas and their annotations."""

from __future__ import annotations

import json

from sqlalchemy import Connection

from cms.actions.rules import fields_of_text
from cms.actions.seen import Seen
from cms.actions.survey import look_at
from cms.context import Context
from cms.database import articles, collections, values
from cms.database.engine import read, write
from cms.database.shelves import Shelf
from cms.model import ids
from cms.model.field_values import values_of
from cms.store.base import Stat


def absorb_rules(ctx: Context, seen: Seen) -> None:
    """The collections, with the files that say what their articles must be; articles that have to be judged anew are
    added to what was seen to have changed."""
    names = seen.collections | set(seen.schemas)
    files = {name: (seen.schemas.get(name), seen.annotations.get(name)) for name in names}
    marks = {name: " ".join(stat.mark if stat else "-" for stat in pair) for name, pair in files.items()}
    with read(ctx.database) as tx:
        rows = {row.name: row for row in collections.all_of(tx)}
    known = {name: row.mark for name, row in rows.items()}
    if known == marks:
        return
    changed = [name for name in sorted(names) if known.get(name) != marks[name]]
    texts = {name: tuple(_text(ctx, stat) for stat in files[name]) for name in changed}
    # Before the lock is held, since it may take long; the result is cached.
    for schema, _ in texts.values():
        fields_of_text(schema)
    judged_anew: list[str] = []
    with write(ctx.database) as tx:
        for name in known.keys() - names:
            collections.remove(tx, name)
        for name, (schema, annotation) in texts.items():
            collections.put(tx, name, schema, annotation, marks[name])
            _compare_anew(tx, name, rows[name].schema if name in rows else None, schema)
            says_otherwise = annotation != (rows[name].annotation if name in rows else None)
            if says_otherwise and articles.forget_marks(tx, name):
                judged_anew.append(f"{ids.CONTENT}{name}/")
    if judged_anew:
        seen.changed |= look_at(ctx, judged_anew).changed


def _compare_anew(tx: Connection, collection: str, before: str | None, schema: str | None) -> None:
    """Make the rows of the articles' values what the schema has them compared as."""
    old, new = fields_of_text(before), fields_of_text(schema)
    if {field for field in old.values() if field.is_typed} == {field for field in new.values() if field.is_typed}:
        if before != schema:
            values.find_missing(tx, collection, new.values())
        return
    for batch in articles.all_of(tx, collection):
        for row in batch:
            shown = json.loads(row.lean)
            shelf = Shelf(row.collection, row.locale, row.status)
            values.put(tx, row.key, shelf, values_of(shown["data"], new, shown["dates"]))


def _text(ctx: Context, stat: Stat | None) -> str | None:
    data = None if stat is None else ctx.site.read(stat.key)
    return None if data is None else data.decode("utf-8", "replace")
