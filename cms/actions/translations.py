"""What is translated, what is not, and what has changed in the source since.

The source is what stands in the first of the collection's locales, or in the next one that has the article. What
changed is read from the log; a translation is taken to be right when its own text is changed, and when somebody says
that it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.actions import lookup
from cms.actions.absorb import Origin
from cms.actions.rules import locales_in
from cms.context import Context
from cms.database import changes, collections, history, shelves, translations
from cms.database.changes import Change
from cms.database.engine import read, write
from cms.database.history import Span
from cms.database.tables import AnyRow
from cms.errors import Invalid, Problem, Stale
from cms.model import translation
from cms.model.ids import Name
from cms.model.locales import id_in_locale
from cms.model.scopes import Actor
from cms.model.translation import State

STEP = 100


@dataclass(frozen=True, slots=True)
class Translation:
    """An article in one locale; `id` is what it has or would have, `status` None when it is missing, `changed` are
    pointers of what is newer in the `source`, which is an id too, at that version."""

    twin: str
    locale: str
    id: str
    state: State
    status: str | None
    source: str
    source_version: str
    changed: tuple[str, ...] = ()


def locales_of(tx: Connection, collection: str) -> list[str]:
    """Return the collection's locales as the site writes them, that of the sources first: those of the annotation, or
    else those with the most articles."""
    named = locales_in(collections.get(tx, collection))
    if named is not None:
        return list(named)
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for shelf, number in shelves.all_of(tx, collection).items():
        if shelf.locale is not None and shelf.status != "broken":
            counts[names.setdefault(shelf.locale.lower(), shelf.locale)] += number
    return sorted(counts, key=lambda locale: (-counts[locale], locale.lower()))


def states_of(ctx: Context, tx: Connection, row: AnyRow) -> dict[str, State]:
    """The states of the article's translations that the public sees, by id; what it does not see counts for nothing."""
    rows = [row, *(twin for twin in translations.twins(tx, row) if twin.visible)]
    look = _look_at(ctx, tx, rows)
    source = look.source(rows)
    return {twin.id: look.compare(source, twin).state for twin in rows if twin.id != row.id}


def confirm(ctx: Context, actor: Actor, name: Name, source_version: str, message: str | None) -> Translation:
    """Have it noted that the translation is right for this version of its source; `Stale` when that is another now."""
    actor.require("articles:read-drafts", name.collection)
    actor.require("articles:write", name.collection)
    with read(ctx.database) as tx:
        keys = [row.key for row in _group(tx, lookup.visible(tx, actor, name))]
    with ctx.locks.hold(keys), write(ctx.database) as tx:
        rows = _group(tx, lookup.visible(tx, actor, name))
        look = _look_at(ctx, tx, rows)
        row, source = rows[0], look.source(rows)
        if row.status == "broken" or row.id == source.id:
            problem = Problem("/id", "is no translation that can be read", "no_translation")
            raise Invalid("There is nothing to confirm.", problems=[problem])
        if source.version != source_version:
            raise Stale(f"{source.id} has changed since you looked; look again.", current=source.version)
        found = look.compare(source, row)
        if found.state == "current":
            return found
        changes.append(tx, _confirmed(tx, row, Origin(actor.name, "api", message=message)))
        return look.compare(source, row)


def _confirmed(tx: Connection, row: AnyRow, by: Origin) -> Change:
    name, seen = Name(row.collection, row.id), bool(row.visible)
    text = history.text_of(tx, name, row.version)
    return Change(
        by.actor, by.source, "article", *name, row.key, "confirmed", row.version, row.digest, text, seen, seen,
        message=by.message, is_silent=True,
    )  # fmt: skip


def _group(tx: Connection, row: AnyRow) -> list[AnyRow]:
    return [row, *translations.twins(tx, row)]


def _look_at(ctx: Context, tx: Connection, rows: list[AnyRow]) -> _Look:
    collection = rows[0].collection
    return _Look(ctx, tx, locales_of(tx, collection), history.spans(tx, collection, [row.id for row in rows]))


def worklist(
    ctx: Context, tx: Connection, collection: str, locale: str | None, after: tuple[str, str] | None
) -> Iterator[Translation]:
    """Every article in every locale but its source's, seen by the public or not, in the order of slug and locale, after
    the place `after`."""
    order = locales_of(tx, collection)
    wanted = sorted((one for one in order if locale is None or one.lower() == locale.lower()), key=str.lower)
    groups = {} if after is None else translations.twin_groups(tx, collection, [after[0]])
    last = "" if after is None else after[0]
    while True:
        ids = [row.id for rows in groups.values() for row in rows]
        look = _Look(ctx, tx, order, history.spans(tx, collection, ids))
        for twin, rows in groups.items():
            for found in look.over(rows, wanted):
                if after is None or twin != after[0] or found.locale.lower() > after[1].lower():
                    yield found
        names = translations.twin_names(tx, collection, last, STEP)
        if not names:
            return
        groups, last = translations.twin_groups(tx, collection, names), names[-1]


@dataclass(frozen=True, slots=True)
class _Look:
    """At articles that are translations of each other; `order` is that of the locales."""

    ctx: Context
    tx: Connection
    order: list[str]
    spans: Mapping[str, Span]

    def over(self, rows: list[AnyRow], wanted: Iterable[str]) -> Iterator[Translation]:
        source = self.source(rows)
        there = {str(row.locale).lower(): row for row in rows}
        for locale in wanted:
            row = there.get(locale.lower())
            if row is None:
                name = id_in_locale(locale, source.twin)
                yield Translation(source.twin, locale, name, "missing", None, source.id, source.version)
            elif row.id != source.id:
                yield self.compare(source, row)

    def source(self, rows: list[AnyRow]) -> AnyRow:
        places = {locale.lower(): number for number, locale in enumerate(self.order)}
        return min(rows, key=lambda row: (places.get(str(row.locale).lower(), len(places)), row.id))

    def compare(self, source: AnyRow, row: AnyRow) -> Translation:
        changed = () if row.id == source.id else self._changed(source, row)
        state: State = "stale" if changed else "current"
        return Translation(row.twin, str(row.locale), row.id, state, row.status, source.id, source.version, changed)

    def _changed(self, source: AnyRow, row: AnyRow) -> tuple[str, ...]:
        both = source.id in self.spans and row.id in self.spans
        if both and self.spans[source.id].last < self.spans[row.id].written:
            return ()  # which saves reading the texts
        written = history.written(self.tx, Name(row.collection, row.id), row.version)
        name = Name(source.collection, source.id)
        now = history.text_of(self.tx, name, source.version)
        base = None if written is None else history.text_at(self.tx, name, written)
        if base is None or now is None:
            return ()
        return translation.changed(bytes(base), bytes(now), self.ctx.settings.limits.front_matter)
