"""Takes over many files at once, as when a site is read for the first time.

It asks the database once for all that `absorb_article` asks for each, and writes all rows of a kind together. What
comes out is the same; what is not as simple is left to it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.actions.absorb import File, Origin, absorb_article, name_twins
from cms.actions.rules import fields_in, judged_now
from cms.context import Context
from cms.database import (
    articles,
    changes,
    clock,
    collections,
    history,
    images,
    photo_visibility,
    search,
    translations,
    values,
)
from cms.database.articles import Entry, Place
from cms.database.changes import Change
from cms.database.tables import AnyRow
from cms.model import published
from cms.model.article import Article
from cms.model.field_values import values_of
from cms.model.ids import Name
from cms.model.image import Image

Group = tuple[str, str]
"""Translations of each other: a collection, and what their ids share."""

Twin = tuple[str | None, str]
"""One of them: its locale, and its id."""

Rules = Mapping[str, AnyRow | None]
"""The rows of collections, by their names."""


_NOWHERE = Place(0, 0, 0)


@dataclass(slots=True)
class _New:
    """A file that no row is of, whose id nobody else has; `known` is the change by which the log knows it as it is."""

    file: File
    by: Origin
    article: Article
    known: AnyRow | None = None
    place: Place = _NOWHERE
    group: Group | None = None

    def __post_init__(self) -> None:
        if self.article.locale is not None:
            self.group = (self.article.collection, self.article.twin)


def absorb_articles(ctx: Context, tx: Connection, files: Sequence[tuple[File, Origin]]) -> None:
    """As `absorb_article` of each."""
    rules = {name: collections.get(tx, name) for name in {file.article.collection for file, _ in files}}
    simple, others = _part(ctx, tx, files, rules)
    if simple:
        _absorb(ctx, tx, simple, rules)
    for file, by in others:
        absorb_article(ctx, tx, file, by)


def _part(
    ctx: Context, tx: Connection, files: Sequence[tuple[File, Origin]], rules: Rules
) -> tuple[list[_New], list[tuple[File, Origin]]]:
    """Those that are simple, and the others."""
    keys = articles.marks_at(tx, [file.article.key for file, _ in files])
    claims = Counter(file.article.name for file, _ in files)
    new = [(file, by) for file, by in files if file.article.key not in keys and claims[file.article.name] == 1]
    taken: set[Name] = set()
    latest: dict[Name, AnyRow] = {}
    for collection, ids in _by_collection(file.article.name for file, _ in new):
        taken |= {Name(collection, found) for found in articles.with_ids(tx, collection, ids)}
        latest |= {Name(collection, found): row for found, row in changes.latest_of(tx, collection, ids).items()}
    simple: list[_New] = []
    for file, by in new:
        change = latest.get(file.article.name)
        known = None if change is None or change.action == "deleted" else change
        was_seen = known is not None and bool(known.visible_after)
        article = judged_now(ctx, rules[file.article.collection], file.article, was_seen=was_seen)
        is_same = known is None or (known.version == article.version and was_seen == article.is_visible)
        if file.article.name not in taken and is_same:
            simple.append(_New(file, by, article, known))
    done = {one.article.key for one in simple}
    return simple, [(file, by) for file, by in files if file.article.key not in done]


def _absorb(ctx: Context, tx: Connection, new: list[_New], rules: Rules) -> None:
    now = clock.now(tx)
    for collection in rules:
        came = [one.article for one in new if one.known is None and one.article.collection == collection]
        photo_visibility.adopt(tx, {path for article in came for path in article.photos}, collection)
    _place(tx, new, now)
    rows = _twins(tx, new)
    seen = _seen(new, rows)
    contents = _contents(ctx, tx, new, seen)
    told = [_change(one, content) for one, content in zip(new, contents, strict=True) if one.known is None]
    newest = _number(new, changes.append_all(tx, told, now))
    seen_new = {one.group for one in new if one.article.is_visible}
    for row in rows:
        group = (row.collection, row.twin)
        if group not in seen_new:
            continue
        name_twins(tx, row, [twin for twin in seen[group] if twin[1] != row.id], newest[group])
    entries = [
        Entry(one.article, content, one.place, one.file.mark) for one, content in zip(new, contents, strict=True)
    ]
    _add(tx, entries, rules)


def _add(tx: Connection, entries: list[Entry], rules: Rules) -> None:
    articles.add(tx, entries)
    fields = {name: fields_in(row) for name, row in rules.items()}
    found = [(entry.shelf, entry.article) for entry in entries]
    values.add(
        tx,
        (
            (article.key, shelf, values_of(article.data, fields[article.collection], article.dates))
            for shelf, article in found
        ),
    )
    search.add(tx, ((article.key, shelf, article.words) for shelf, article in found))


def _place(tx: Connection, new: list[_New], now: float) -> None:
    """When each was made and changed: what the log does not know began when its file was changed."""
    born: dict[Name, float] = {}
    for collection, ids in _by_collection(one.article.name for one in new if one.known is not None):
        born |= {Name(collection, found): moment for found, moment in history.births(tx, collection, ids).items()}
    for one in new:
        if one.known is None:
            moment = now if one.by.time is None else one.by.time
            one.place = Place(0, moment, moment)
        else:
            name = one.article.name
            created = born.get(name) or history.born(tx, name) or one.known.time
            one.place = Place(0, created, one.known.time)


def _twins(tx: Connection, new: list[_New]) -> list[AnyRow]:
    """The rows of translations of what is new."""
    groups = {one.group for one in new if one.group is not None}
    return [
        row for collection, names in _by_collection(groups) for row in translations.with_twins(tx, collection, names)
    ]


def _seen(new: list[_New], rows: list[AnyRow]) -> dict[Group | None, list[Twin]]:
    """The translations that the public sees, by group."""
    seen: dict[Group | None, list[Twin]] = defaultdict(list)
    for row in rows:
        if row.visible:
            seen[row.collection, row.twin].append((row.locale, row.id))
    for one in new:
        if one.group is not None and one.article.is_visible:
            seen[one.group].append((one.article.locale, one.article.id))
    return seen


def _contents(
    ctx: Context, tx: Connection, new: list[_New], seen: dict[Group | None, list[Twin]]
) -> list[published.Bytes]:
    photos: dict[str, dict[str, Image]] = {}
    for collection in {one.article.collection for one in new}:
        own = [one.article for one in new if one.article.collection == collection]
        photos[collection] = images.facts_of(tx, {path for article in own for path in article.photos}, collection)
    contents: list[published.Bytes] = []
    for one in new:
        article = one.article
        shown = published.document(article)
        known = photos[article.collection]
        published.place_photos(shown, article.refs, article.rendered.html, known, ctx.settings.variants_base)
        published.place_twins(shown, [twin for twin in seen.get(one.group, ()) if twin[1] != article.id])
        contents.append(published.dump(shown, one.place.created_at, one.place.updated_at))
    return contents


def _change(one: _New, content: published.Bytes) -> Change:
    article, by = one.article, one.by
    digest = "" if article.status == "broken" else content.digest
    return Change(
        by.actor, by.source, "article", article.collection, article.id, article.key, "created", article.version,
        digest, one.file.text, False, article.is_visible, one.place.created_at, None, by.message,
    )  # fmt: skip


def _number(new: list[_New], last: int) -> dict[Group | None, int]:
    """Those that the log did not know are its last changes; others may have missed changes of photos and twins. In the
    feed each stands where the last of its translations came, which is returned by group."""
    seq = last - sum(one.known is None for one in new)
    newest: dict[Group | None, int] = {}
    for one in new:
        seq += one.known is None
        one.place = one.place._replace(seq=seq if one.known is None else last)
        newest[one.group] = max(one.place.seq, newest.get(one.group, 0))
    for one in new:
        if one.group is not None and one.article.status != "broken":
            one.place = one.place._replace(seq=newest[one.group])
    return newest


def _by_collection(names: Iterable[tuple[str, str]]) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = defaultdict(list)
    for collection, name in names:
        found[collection].append(name)
    return found.items()
