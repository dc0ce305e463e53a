"""Makes the database say what the store holds, whoever changed it.

Everything enters here: API writes, hand edits, git pulls, other nodes. A change is appended only when the content
differs from the log's latest, so absorbing twice is absorbing once. The caller holds the keys' locks.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from cms.actions.rules import fields_in, judged_now
from cms.context import Context
from cms.database import (
    article_photos,
    articles,
    changes,
    clock,
    collections,
    drafts,
    history,
    images,
    photo_visibility,
    search,
    translations,
    values,
)
from cms.database.articles import Entry, Place
from cms.database.changes import Change, Source
from cms.database.tables import AnyRow
from cms.errors import Problem
from cms.model import published
from cms.model.article import Article
from cms.model.field_values import values_of
from cms.model.ids import Name

COLLISION = "id_collision"


@dataclass(frozen=True, slots=True)
class Sent:
    """How a new photo was sent: for an article of `collection`, or to a folder (`NOWHERE`), by the token `token_id`.
    `is_public` says that the public sees it at once."""

    collection: str
    token_id: str | None
    is_public: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a change: the actor and the way it came.

    `time` is in seconds since the epoch, None for now; `message` is the editor's own. `sent` is None unless the API
    takes in a new photo.
    """

    actor: str
    source: Source
    time: float | None = None
    message: str | None = None
    sent: Sent | None = None


BY_CLOCK = Origin("clock", "clock")
BY_HAND = ("files", "git")
"""The sources of changes that were made in the files themselves."""


@dataclass(frozen=True, slots=True)
class File:
    """What a file says, its bytes (None when they are too many to keep), and the store's mark of them ("" when it is
    not known, which asks for another look). `adopts` are the paths of hidden photos that its editor has just named, and
    may show in this collection, too."""

    article: Article
    text: bytes | None
    mark: str
    adopts: frozenset[str] = frozenset()


def absorb_article(ctx: Context, tx: Connection, file: File, by: Origin, moved_from: str = "") -> None:
    """The file is there and says this.

    Another id for the same file is a rename, and so is another file in place of the one at `moved_from`.
    """
    article, rules = file.article, collections.get(tx, file.article.collection)
    row = articles.by_key(tx, article.key)
    if article.status == "broken" and row is not None:
        article = dataclasses.replace(article, id=row.id)  # its own slug cannot be read just now
    rival = _rival(tx, article, moved_from)
    old = articles.by_key(tx, moved_from) if moved_from else row
    renamed_from = left = None
    if old is not None and (old.key, old.id) != (article.key, article.id):
        left = article_photos.of(tx, old.key)
        renamed_from = _leave(ctx, tx, old, None if rival else article.name, by)
        row = None
    if rival is not None:
        _put_collided(ctx, tx, dataclasses.replace(file, article=article), rival, rules)
        return
    latest = changes.latest(tx, "article", article.collection, article.id)
    known = latest if latest is not None and latest.action != "deleted" else None
    was_seen = known is not None and bool(known.visible_after)
    article = judged_now(ctx, rules, article, was_seen=was_seen)
    photos = _Photos(old, left, is_seen=bool(was_seen if old is None else old.visible))
    is_by_hand = by.source in BY_HAND and (known is None or known.version != article.version)
    _tell_photos(tx, dataclasses.replace(file, article=article), photos, is_by_hand=is_by_hand)
    is_same = known is not None and (known.version, known.visible_after) == (article.version, article.is_visible)
    if known is not None and is_same and not _is_ruled_otherwise(article, old):
        born = history.born(tx, article.name) if row is None else row.created_at
        place = Place(seq_of(tx, row), born or known.time, known.time)
        content = content_of(ctx, tx, article, place)
    else:
        before = _Before(known, row, renamed_from)
        place, content = _append(ctx, tx, dataclasses.replace(file, article=article), before, by)
    _put(tx, Entry(article, content, place, file.mark), rules)
    is_localized = row is None or (row.locale, row.twin) == (article.locale, article.twin)
    if article.is_visible != (row is not None and row.visible) or not is_localized:
        _refresh_twins(tx, article, place.seq)
    if row is not None and not is_localized:
        _refresh_twins(tx, row, place.seq)


def _is_ruled_otherwise(article: Article, old: AnyRow | None) -> bool:
    """Whether the collection's annotation or the folder's name gives the article another status or locale than before;
    nothing else tells of that."""
    if old is None or old.id != article.id:
        return False
    is_localized = (old.locale, old.twin) == (article.locale, article.twin)
    return bool(old.status != article.status or (article.status != "broken" and not is_localized))


class _Photos(NamedTuple):
    """The article's old row, the photos that it showed if they are known, and whether the public saw it."""

    row: AnyRow | None
    shown: set[str] | None
    is_seen: bool


def _tell_photos(tx: Connection, file: File, before: _Photos, *, is_by_hand: bool) -> None:
    """Have the photos follow the article: those that are hidden with it, and those that get a home with it."""
    article, shown = file.article, before.shown
    is_hiding = before.is_seen and not article.is_visible
    if shown is None and before.row is not None and (is_hiding or is_by_hand):
        shown = article_photos.of(tx, before.row.key)
    if is_hiding:
        # While the tables are made again, nothing is known of what it showed.
        stays = article.photos if shown is None else article.photos & shown
        photo_visibility.leave(tx, stays, article.collection)
    is_moved = before.row is not None and before.row.collection != article.collection
    known = set() if shown is None or is_moved else shown  # in another collection, all that it shows is new
    named = article.photos - known if is_by_hand else set()
    photo_visibility.adopt(tx, file.adopts | named, article.collection)


def absorb_deletion(ctx: Context, tx: Connection, key: str, by: Origin) -> None:
    """The article's file is not there any more."""
    row = articles.by_key(tx, key)
    if row is not None:
        _delete(ctx, tx, row, by, moved_to=None)


def _leave(ctx: Context, tx: Connection, old: AnyRow, name: Name | None, by: Origin) -> str | None:
    """Take the article out of its old place, `name` being what it is called now; returns the id that it gave up."""
    if name == (old.collection, old.id):
        _remove(tx, old.key)
        return None
    moved_to = name.id if name is not None and name.collection == old.collection else None
    was_told = _delete(ctx, tx, old, by, moved_to)
    if not was_told or moved_to is None:
        return None
    drafts.move(tx, Name(old.collection, old.id), moved_to)
    return str(old.id)


def _delete(ctx: Context, tx: Connection, row: AnyRow, by: Origin, moved_to: str | None) -> bool:
    """Remove the row; says whether the log tells of it, which it does unless another file has the id."""
    _remove(tx, row.key)
    other = articles.get(tx, Name(row.collection, row.id))
    if other is not None and other.status != "broken":
        return False
    if COLLISION in {problem.code for problem in articles.problems_of(row)}:
        return False
    change = Change(
        by.actor, by.source, "article", row.collection, row.id, row.key, "deleted",
        row.version, "", None, bool(row.visible), False, by.time, moved_to, by.message,
    )  # fmt: skip
    seq, _ = changes.append(tx, change)
    if other is not None:
        articles.set_mark(tx, other.key, "")
    if row.visible:
        _refresh_twins(tx, row, seq)
    return True


def _put(tx: Connection, entry: Entry, rules: AnyRow | None) -> None:
    article, shelf = entry.article, entry.shelf
    articles.put(tx, entry)
    values.put(tx, article.key, shelf, values_of(article.data, fields_in(rules), article.dates))
    search.put(tx, article.key, shelf, article.words)


def _remove(tx: Connection, key: str) -> None:
    for rows in (articles, values, search):
        rows.remove(tx, key)


def seq_of(tx: Connection, row: AnyRow | None) -> int:
    """Where the row stands in the feed; one that is made again may have missed changes of its photos and twins."""
    return changes.position(tx)[1] if row is None else int(row.seq)


class _Before(NamedTuple):
    """What there was of an article: its last change, its row, and the id that it gives up."""

    known: AnyRow | None
    row: AnyRow | None
    renamed_from: str | None


def _append(ctx: Context, tx: Connection, file: File, before: _Before, by: Origin) -> tuple[Place, published.Bytes]:
    article, (known, row, renamed_from) = file.article, before
    is_other_text = known is None or known.version != article.version
    if not is_other_text and row is not None and row.due is not None and row.due <= ctx.clock():
        by = BY_CLOCK  # whoever came to look at it just now
    moment = by.time if by.time is not None and is_other_text else clock.now(tx)
    place = Place(0, _born(tx, article, before) or moment, moment)
    content = content_of(ctx, tx, article, place)
    change = Change(
        by.actor, by.source, "article", article.collection, article.id, article.key,
        "updated" if known else "created", article.version,
        "" if article.status == "broken" else content.digest, file.text,
        bool(known.visible_after) if known else False, article.is_visible, moment, renamed_from, by.message,
        _is_silent(row, article, content),
    )  # fmt: skip
    seq, _ = changes.append(tx, change)
    return place._replace(seq=seq), content


def _born(tx: Connection, article: Article, before: _Before) -> float | None:
    """When the article was created; None when it is only now."""
    if before.renamed_from is not None:
        return history.born(tx, Name(article.collection, before.renamed_from))
    if before.known is None:
        return None
    return history.born(tx, article.name) if before.row is None else float(before.row.created_at)


def _is_silent(row: AnyRow | None, article: Article, content: published.Bytes) -> bool:
    """Whether the public sees the article as it did, which its row still says."""
    if row is None or not row.visible or not article.is_visible:
        return False
    return published.is_alike(published.whole(row.lean, row.lengths, row.heavy), content.json)


def content_of(ctx: Context, tx: Connection, article: Article, place: Place) -> published.Bytes:
    """The article's JSON, with what is known of its photos and translations."""
    shown = published.document(article)
    photos = images.facts_of(tx, article.photos, article.collection)
    published.place_photos(shown, article.refs, article.rendered.html, photos, ctx.settings.variants_base)
    twins = translations.twins(tx, article)
    published.place_twins(shown, [(twin.locale, twin.id) for twin in twins if twin.visible])
    return published.dump(shown, place.created_at, place.updated_at)


def _rival(tx: Connection, article: Article, moved_from: str) -> AnyRow | None:
    """Another file that has the id already."""
    other = articles.get(tx, article.name)
    is_own = other is None or other.status == "broken" or other.key in (article.key, moved_from)
    return None if is_own else other


def _put_collided(ctx: Context, tx: Connection, file: File, rival: AnyRow, rules: AnyRow | None) -> None:
    detail = f"{rival.key} has the id {file.article.id} already; rename one of the two files"
    article = judged_now(ctx, rules, file.article, was_seen=False)
    hidden = dataclasses.replace(article, status="broken", due=None, problems=(Problem("/id", detail, COLLISION),))
    place = Place(rival.seq, rival.created_at, rival.updated_at)
    _put(tx, Entry(hidden, content_of(ctx, tx, hidden, place), place, file.mark), rules)


def _refresh_twins(tx: Connection, article: Article | AnyRow, seq: int) -> None:
    """Translations name each other; when one comes or goes, the others say so."""
    for row in translations.twins(tx, article):
        others = translations.twins(tx, row)
        name_twins(tx, row, [(other.locale, other.id) for other in others if other.visible], seq)


def name_twins(tx: Connection, row: AnyRow, twins: Sequence[tuple[str | None, str]], seq: int) -> None:
    """Have the article name these translations, given as pairs of locale and id; the feed tells of it at `seq`."""
    shown = json.loads(published.whole(row.lean, row.lengths, row.heavy))
    published.place_twins(shown, twins)
    articles.set_content(tx, row.key, published.dump(shown, row.created_at, row.updated_at), seq)
