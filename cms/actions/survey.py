"""What the stores hold now, beside what the database believes, and whether the difference can be believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cms.context import Context
from cms.database import articles, images
from cms.database.engine import read
from cms.model import ids
from cms.model.refs import is_image_name
from cms.store.base import Key, Stat, Store, version_of

MEDIA_MARK = "media:"
"""The marks of photos in a media store apart from the site begin so."""

MANY_GONE = 5
MANY_GONE_SHARE = 0.2
_WHAT_NOW = (
    "Nothing is taken over until they are back, or until `cms sync --accept-deletions` says that they are meant to go."
)


@dataclass(slots=True)
class Seen:
    """Files by key (`stats`), those among them that lie in the media store, and the marks that the database knows."""

    ctx: Context
    stats: dict[str, Stat] = field(default_factory=dict)
    in_media: set[str] = field(default_factory=set)
    schemas: dict[str, Stat] = field(default_factory=dict)
    annotations: dict[str, Stat] = field(default_factory=dict)
    collections: set[str] = field(default_factory=set)
    marks: dict[str, str] = field(default_factory=dict)

    def mark(self, stat: Stat) -> str:
        return MEDIA_MARK + stat.mark if stat.key in self.in_media else stat.mark

    def store(self, key: str) -> Store:
        return self.ctx.media if key in self.in_media else self.ctx.site

    def forget(self, collection: str) -> None:
        """Have each article of the collection looked at again."""
        folder = f"{ids.CONTENT}{collection}/"
        self.marks |= {key: "" for key in self.marks if key.startswith(folder)}

    def changed(self) -> list[Stat]:
        """Photos first, so that articles find the facts of theirs."""
        changed = [stat for key, stat in self.stats.items() if self.marks.get(key) != self.mark(stat)]
        return sorted(changed, key=lambda stat: (not stat.key.startswith(ids.ASSETS), stat.key))


def look(ctx: Context, *, at_media: bool) -> Seen:
    """List the site; and the media store, if it is another one and `at_media` says so."""
    seen = Seen(ctx)
    for stat in ctx.site.list(ids.CONTENT):
        if ids.is_article(stat.key):
            seen.stats[stat.key] = stat
            seen.collections.add(ids.split_key(stat.key)[0])
    # What stands beside the collection is what somebody put there; what `astro sync` wrote comes second.
    for folder in (".astro/collections/", ids.CONTENT):
        seen.schemas |= _files(ctx.site, folder, ".schema.json")
    seen.annotations = _files(ctx.site, ids.CONTENT, ".cms.json")
    photos = [(stat, False) for stat in ctx.site.list(ids.ASSETS)]
    if at_media and ctx.media is not ctx.site:
        photos += [(stat, True) for stat in ctx.media.list(ids.ASSETS)]
    for stat, in_media in photos:
        if is_image_name(stat.key):
            seen.stats[stat.key] = stat
            seen.in_media |= {stat.key} if in_media else set()
    with read(ctx.database) as tx:
        seen.marks = articles.marks(tx)
        seen.marks.update({ids.ASSETS + path: mark for path, mark in images.marks(tx).items()})
    if not at_media:
        _leave_out_media(seen)
    return seen


def moves(seen: Seen) -> dict[str, str]:
    """The articles' files that were given another place: new key to old, told by their bytes."""
    lost = [key for key in seen.marks if key not in seen.stats and ids.is_article(key)]
    new = [stat for key, stat in sorted(seen.stats.items()) if key not in seen.marks and ids.is_article(key)]
    if not lost or not new:
        return {}
    with read(seen.ctx.database) as tx:
        versions = articles.versions(tx)
    found: dict[str, str] = {}
    by_version = {versions[key]: key for key in sorted(lost, reverse=True) if key in versions}
    for stat in new:
        data = seen.ctx.site.read(stat.key)
        old_key = None if data is None else by_version.pop(version_of(data), None)
        if old_key is not None:
            found[stat.key] = old_key
    return found


def _leave_out_media(seen: Seen) -> None:
    """What lies in the media store is neither changed nor gone while nobody looks there."""
    for key in [key for key, mark in seen.marks.items() if mark.startswith(MEDIA_MARK)]:
        del seen.marks[key]
        seen.stats.pop(key, None)


def _files(store: Store, folder: str, ending: str) -> dict[str, Stat]:
    """Those directly in the folder, by the collection that they are named after."""
    found = {stat.key.removeprefix(folder): stat for stat in store.list(folder)}
    return {
        name.removesuffix(ending): stat for name, stat in found.items() if name.endswith(ending) and "/" not in name
    }


def find(ctx: Context, key: str) -> Stat | None:
    if key.startswith(ids.ASSETS) and ctx.media is not ctx.site:
        return ctx.media.stat(Key(key)) or ctx.site.stat(Key(key))
    return ctx.site.stat(Key(key))


def too_many(seen: Seen, gone: list[str]) -> str | None:
    """Why the deletions are not believed: an unmounted disk must not empty a public site."""
    if gone and not any(ids.is_article(key) for key in seen.stats) and len(seen.marks) > 1:
        return f"Not one article is left. {_WHAT_NOW}"
    before = Counter(_group(key) for key in seen.marks)
    for group, number in Counter(_group(key) for key in gone).items():
        if number > MANY_GONE and number > MANY_GONE_SHARE * before[group]:
            return f"{number} of {before[group]} files of {group} are not there any more. {_WHAT_NOW}"
    return None


def _group(key: str) -> str:
    return ids.ASSETS.rstrip("/") if key.startswith(ids.ASSETS) else ids.CONTENT + ids.split_key(key)[0]
