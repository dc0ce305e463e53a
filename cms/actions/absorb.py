"""Makes the database say what the store holds, whoever changed it.

Everything enters here: API writes, hand edits, git pulls, other nodes. A change is appended only when the content
differs from the log's latest, so absorbing twice is absorbing once. The caller holds the keys' locks.
"""

from __future__ import annotations

import dataclasses
import json
import time
from dataclasses import dataclass

from sqlalchemy import Connection

from cms.context import Context
from cms.database import articles, changes, images, search, values
from cms.database.articles import Place
from cms.database.changes import Change, Source
from cms.database.tables import AnyRow
from cms.errors import Problem
from cms.model import image as image_json
from cms.model import markdown, published
from cms.model.article import Article
from cms.model.field import values_of
from cms.model.ids import ASSETS, Name
from cms.model.image import Image
from cms.model.pointer import strings
from cms.model.search import indexed

COLLISION = "id_collision"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who changed it, by which way; `time` in seconds since the epoch, None for now."""

    actor: str
    source: Source
    time: float | None = None


def absorb_article(ctx: Context, tx: Connection, article: Article, text: bytes | None, mark: str, by: Origin) -> None:
    """The file says `article`, in the bytes `text` (None when they are too many to keep)."""
    row = articles.by_key(tx, article.key)
    if row is not None and row.id != article.id:
        absorb_deletion(ctx, tx, article.key, by)
        row = None
    if (rival := _rival(tx, article)) is not None:
        _put_collided(ctx, tx, article, rival, mark)
        return
    latest = changes.latest(tx, "article", article.collection, article.id)
    known = latest if latest is not None and latest.action != "deleted" else None
    if known is not None and known.version == article.version and known.visible_after == article.is_visible:
        born = changes.born(tx, "article", article.collection, article.id)
        place = Place(_seq_of(tx, row), born or known.time, known.time)
        content = _content(ctx, tx, article, place)
    else:
        place, content = _append(ctx, tx, article, text, known, by)
    _put(tx, article, content, place, mark)
    if row is None or row.visible != article.is_visible:
        _refresh_twins(tx, article, place.seq)


def absorb_deletion(ctx: Context, tx: Connection, key: str, by: Origin) -> None:
    """The article's file is not there any more."""
    row = articles.by_key(tx, key)
    if row is None:
        return
    _remove(tx, key)
    other = articles.get(tx, Name(row.collection, row.id))
    if other is not None and other.status != "broken":
        return
    if COLLISION in {problem.code for problem in articles.problems_of(row)}:
        return
    change = Change(
        by.actor, by.source, "article", row.collection, row.id, key, "deleted",
        row.version, "", None, bool(row.visible), False, by.time,
    )  # fmt: skip
    seq, _ = changes.append(tx, change)
    if other is not None:
        articles.set_mark(tx, other.key, "")
    if row.visible:
        _refresh_twins(tx, row, seq)


def absorb_image(ctx: Context, tx: Connection, image: Image, mark: str, by: Origin) -> None:
    """The photo's file is this."""
    latest = changes.latest(tx, "image", "", image.path)
    known = latest if latest is not None and latest.action != "deleted" else None
    row = images.get(tx, image.path)
    seq = _seq_of(tx, row)
    is_new = known is None or known.version != image.version
    if is_new:
        seq = _append_image(tx, image.path, "updated" if known else "created", image.version, known is not None, by)
    shown = image_json.published(image, ctx.settings.media_url)
    images.put(tx, image, shown, seq, mark)
    if is_new:
        _refresh_articles(ctx, tx, image.path, seq)


def absorb_image_deletion(ctx: Context, tx: Connection, path: str, by: Origin) -> None:
    """The photo's file is not there any more."""
    row = images.get(tx, path)
    if row is None:
        return
    images.remove(tx, path)
    seq = _append_image(tx, path, "deleted", row.sha256, True, by)
    _refresh_articles(ctx, tx, path, seq)


def _put(tx: Connection, article: Article, content: published.Bytes, place: Place, mark: str) -> None:
    articles.put(tx, article, content, place, mark)
    values.put(tx, article.key, values_of(article.data))
    texts = (text for _, text in strings(article.data))
    search.put(tx, article.key, indexed(texts), indexed([article.rendered.readable]))


def _remove(tx: Connection, key: str) -> None:
    for rows in (articles, values, search):
        rows.remove(tx, key)


def _seq_of(tx: Connection, row: AnyRow | None) -> int:
    """Where the row stands in the feed; one that is made again may have missed changes of its photos and twins."""
    return changes.position(tx)[1] if row is None else int(row.seq)


def _append(
    ctx: Context, tx: Connection, article: Article, text: bytes | None, known: AnyRow | None, by: Origin
) -> tuple[Place, published.Bytes]:
    moment = time.time() if by.time is None else by.time
    born = changes.born(tx, "article", article.collection, article.id) if known else None
    place = Place(0, born or moment, moment)
    content = _content(ctx, tx, article, place)
    change = Change(
        by.actor, by.source, "article", article.collection, article.id, article.key,
        "updated" if known else "created", article.version,
        "" if article.status == "broken" else content.digest, text,
        bool(known.visible_after) if known else False, article.is_visible, moment,
    )  # fmt: skip
    seq, _ = changes.append(tx, change)
    return dataclasses.replace(place, seq=seq), content


def _append_image(tx: Connection, path: str, action: changes.Action, version: str, before: bool, by: Origin) -> int:
    change = Change(
        by.actor, by.source, "image", "", path, ASSETS + path, action, version, "", None,
        before, action != "deleted", by.time,
    )  # fmt: skip
    seq, _ = changes.append(tx, change)
    return seq


def _content(ctx: Context, tx: Connection, article: Article, place: Place) -> published.Bytes:
    shown = published.document(article)
    photos = images.facts_of(tx, {ref.path for ref in article.refs})
    published.place_photos(shown, article.rendered.html, photos, ctx.settings.media_url)
    twins = articles.twins(tx, article)
    published.place_twins(shown, [(twin.locale, twin.id) for twin in twins if twin.visible])
    return published.dump(shown, place.created_at, place.updated_at)


def _rival(tx: Connection, article: Article) -> AnyRow | None:
    """Another file that has the id already."""
    other = articles.get(tx, article.name)
    return other if other is not None and other.key != article.key and other.status != "broken" else None


def _put_collided(ctx: Context, tx: Connection, article: Article, rival: AnyRow, mark: str) -> None:
    problem = Problem("/id", f"{rival.key} has the id {article.id} already; rename one of the two files", COLLISION)
    hidden = dataclasses.replace(article, status="broken", problems=(problem,))
    place = Place(rival.seq, rival.created_at, rival.updated_at)
    _put(tx, hidden, _content(ctx, tx, hidden, place), place, mark)


def _refresh_twins(tx: Connection, article: Article | AnyRow, seq: int) -> None:
    """Translations name each other; when one comes or goes, the others say so."""
    for row in articles.twins(tx, article):
        shown = json.loads(row.json)
        others = articles.twins(tx, row)
        published.place_twins(shown, [(other.locale, other.id) for other in others if other.visible])
        articles.set_content(tx, row.key, published.dump(shown, row.created_at, row.updated_at), seq)


def _refresh_articles(ctx: Context, tx: Connection, path: str, seq: int) -> None:
    """Articles tell the facts of the photos they show; when a photo changes, so do they."""
    for row in articles.showing(tx, path):
        shown = json.loads(row.json)
        photos = images.facts_of(tx, {item["path"] for item in shown["images"]})
        html = markdown.render(shown["body"]).html
        published.place_photos(shown, html, photos, ctx.settings.media_url)
        articles.set_content(tx, row.key, published.dump(shown, row.created_at, row.updated_at), seq)
