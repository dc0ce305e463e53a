"""What differs between the stores and what the database believes of them, and whether that can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator

from cms.actions.seen import MEDIA_MARK, SCHEMAS, Seen, is_content, is_photo, note_schema
from cms.actions.side_by_side import look_in_order
from cms.context import Context
from cms.database import articles, images, shelves
from cms.database.engine import read
from cms.model import ids
from cms.store.base import Key, Stat, Store, version_of

MANY_GONE = 5
MANY_GONE_SHARE = 0.2
_WHAT_NOW = (
    "Nothing is taken over until they are back, or until `cms sync --accept-deletions` says that they are meant to go."
)


def look(seen: Seen, *, at_media: bool) -> None:
    """At the whole site; and at the media store, if it is another one and `at_media` says so. Should the store not
    answer on the way, what was seen so far stays, and is gone on from, where a store has its files in order."""
    ctx = seen.ctx
    if ctx.media is not ctx.site or not look_in_order(seen):
        _look_at_all(seen, at_media=at_media)
    for stat in ctx.site.list(SCHEMAS):
        note_schema(seen, stat)


def _look_at_all(seen: Seen, *, at_media: bool) -> None:
    ctx, seen.changed, seen.new = seen.ctx, {}, set()
    with read(ctx.database) as tx:
        marks = articles.marks(tx) | images.marks(tx)
    compare = _comparing(seen, marks, at_media=at_media)
    for stat in ctx.site.list(ids.CONTENT):
        if is_content(seen, stat):
            compare(stat, False)
    # A photo of the media store hides one of the site at the same place.
    photos = _photos(ctx.media, True) if at_media and ctx.media is not ctx.site else iter(())
    for stat, in_media in (*photos, *_photos(ctx.site, False)):
        compare(stat, in_media)
    seen.gone = sorted(marks)


def look_at(ctx: Context, places: Collection[str]) -> Seen:
    """At these files alone, and at all below these folders, whose names end in a slash."""
    seen = Seen(ctx)
    with read(ctx.database) as tx:
        marks = articles.marks_at(tx, places) | images.marks_at(tx, places)
    compare = _comparing(seen, marks, at_media=False)
    for stat in _stats(ctx.site, {*places, *marks}):
        if ids.is_article(stat.key) or is_photo(stat):
            compare(stat, False)
    seen.gone = sorted(marks)
    return seen


def moves(seen: Seen) -> dict[str, str]:
    """The articles' files that were given another place: new key to old, told by their bytes."""
    lost = [key for key in seen.gone if ids.is_article(key)]
    new = sorted(key for key in seen.new if ids.is_article(key))
    if not lost or not new:
        return {}
    with read(seen.ctx.database) as tx:
        by_version = {version: key for key, version in sorted(articles.versions(tx, lost).items(), reverse=True)}
    found: dict[str, str] = {}
    for key in new:
        data = seen.ctx.site.read(Key(key))
        old_key = None if data is None else by_version.pop(version_of(data), None)
        if old_key is not None:
            found[key] = old_key
    return found


def find(ctx: Context, key: str) -> Stat | None:
    if key.startswith(ids.ASSETS) and ctx.media is not ctx.site:
        return ctx.media.stat(Key(key)) or ctx.site.stat(Key(key))
    return ctx.site.stat(Key(key))


def too_many(seen: Seen, gone: Collection[str]) -> str | None:
    """Why the deletions are not believed: an unmounted disk must not empty a public site."""
    if not gone:
        return None
    with read(seen.ctx.database) as tx:
        before: Counter[str] = Counter()
        for shelf, number in shelves.all_of(tx).items():
            before[ids.CONTENT + shelf.collection] += number
        new = sum(ids.is_article(key) for key in seen.new)
        left = sum(before.values()) + new - sum(ids.is_article(key) for key in seen.gone)
        before[ids.ASSETS.rstrip("/")] = images.count(tx, besides=MEDIA_MARK)
    if not left and sum(before.values()) > 1:
        return f"Not one article is left. {_WHAT_NOW}"
    for group, number in Counter(_group(key) for key in gone).items():
        if number > MANY_GONE and number > MANY_GONE_SHARE * before[group]:
            return f"{number} of {before[group]} files of {group} are not there any more. {_WHAT_NOW}"
    return None


def _comparing(seen: Seen, marks: dict[str, str], *, at_media: bool) -> Callable[[Stat, bool], None]:
    """Takes what is there out of `marks`, so that what is gone is left, and notes what is not as they say."""
    # What lies in the media store is neither changed nor gone while nobody looks there.
    hidden = set() if at_media else {key for key, mark in marks.items() if mark.startswith(MEDIA_MARK)}
    for key in hidden:
        del marks[key]

    def compare(stat: Stat, in_media: bool) -> None:
        key = stat.key
        if key in hidden:
            return
        known = marks.pop(key, None)
        if in_media:
            hidden.add(key)
        if known == (MEDIA_MARK + stat.mark if in_media else stat.mark):
            return
        seen.changed[key] = stat
        if in_media:
            seen.in_media.add(key)
        if known is None:
            seen.new.add(key)

    return compare


def _photos(store: Store, in_media: bool) -> Iterator[tuple[Stat, bool]]:
    return ((stat, in_media) for stat in store.list(ids.ASSETS) if is_photo(stat))


def _stats(store: Store, places: Iterable[str]) -> Iterator[Stat]:
    """Of each file once."""
    folders = tuple(place for place in places if place.endswith("/"))
    for folder in folders:
        if not folder.startswith(tuple(other for other in folders if other != folder)):
            yield from store.list(folder)
    for key in places:
        if not key.startswith(folders) and (stat := store.stat(Key(key))) is not None:
            yield stat


def _group(key: str) -> str:
    return ids.ASSETS.rstrip("/") if key.startswith(ids.ASSETS) else ids.CONTENT + ids.split_key(key)[0]
