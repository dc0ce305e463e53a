"""Compares the derived rows with each other: all of them are made of what an article's or a photo's own row says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from json import JSONDecodeError, loads

from sqlalchemy import Connection

from cms.actions.rules import fields_in
from cms.context import Context
from cms.database import article_photos, articles, collections, images, search, shelves, values
from cms.database.engine import read
from cms.database.photo_visibility import ALL
from cms.database.shelves import Shelf
from cms.database.tables import AnyRow
from cms.database.values import Found
from cms.model import image as image_json
from cms.model import published
from cms.model.field import Field
from cms.model.field_values import values_of
from cms.model.visibility import is_visible

_SAID = ("collection", "id", "locale", "status", "version")


def wrong_row(ctx: Context) -> str | None:
    """What is not as it was made: an article's key, say, or None when all is well."""
    with read(ctx.database) as tx:
        fields = {row.name: fields_in(row) for row in collections.all_of(tx)}
        counted: Counter[str] = Counter()
        stand: Counter[Shelf] = Counter()
        for batch in articles.all_of(tx):
            keys = [row.key for row in batch]
            shown, found, places = article_photos.shown(tx, keys), values.of(tx, keys), search.places(tx, keys)
            for row in batch:
                shelf = Shelf(row.collection, row.locale, row.status)
                is_right = places.get(row.key) == row.shelf == shelf.name and row.visible == is_visible(row.status)
                expected = _made_of(row, fields.get(row.collection, {}))
                if not is_right or expected != (shown.get(row.key, set()), found.get(row.key, set())):
                    return str(row.key)
                stand[shelf] += 1
                counted += Counter(images=len(expected[0]), values=len(expected[1]), words=1)
        if dict(stand) != shelves.all_of(tx):
            return "the number of articles"
        if any(number != counted[name] for name, number in _numbers(tx).items()):
            return "what belongs to no article"
        if not search.is_indexed(tx):
            return "the index of words"
        return next(_wrong_images(ctx, tx), None)


def _made_of(row: AnyRow, fields: Mapping[str, Field]) -> tuple[set[str], set[Found]] | None:
    """The paths of the photos and the values that belong to the article; None when it is not whole itself."""
    try:
        text = published.whole(row.lean, row.lengths, row.heavy)
        shown = loads(text)
        again = published.dump(dict(shown), row.created_at, row.updated_at)
        is_whole = text == again.json
        paths = {item["path"] for item in shown["images"]} - {None}
        found = {
            Found(row.shelf, value.field, value.position, value.text, value.number)
            for value in values_of(shown["data"], fields, shown["dates"])
        }
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    is_said = is_whole and all(shown.get(name) == getattr(row, name) for name in _SAID)
    return (paths, found) if is_said and again == (row.lean, again.heavy, row.lengths, row.digest) else None


def _numbers(tx: Connection) -> dict[str, int]:
    return {"images": article_photos.number(tx), "values": values.number(tx), "words": search.number(tx)}


def _wrong_images(ctx: Context, tx: Connection) -> Iterator[str]:
    for row in images.page(tx, images.Wanted(sight=ALL), None, None):
        try:
            is_right = image_json.published(images.image_of(row), ctx.settings.variants_base) == row.json
        except (JSONDecodeError, LookupError, TypeError, AttributeError):
            is_right = False
        if not is_right:
            yield str(row.path)
