"""What was seen of a site in one look at its files."""

from __future__ import annotations

from dataclasses import dataclass, field

from cms.context import Context
from cms.model import ids
from cms.model.locales import localize
from cms.model.refs import is_image_name
from cms.store.base import Stat, Store

MEDIA_MARK = "media:"
"""The marks of photos in a media store apart from the site begin so."""

RACY_S = 10.0
"""What was put into a bucket so lately may have been read as it was before: rclone tells the new tag beside old bytes,
for a moment."""

SCHEMAS = ".astro/collections/"
MOST_PHOTO_BYTES = 256 * 1024 * 1024
"""Of a photo that was put by hand; what is sent is bounded by `Limits.photo_bytes`."""

_SCHEMA, _ANNOTATION = ".schema.json", ".cms.json"


@dataclass(slots=True)
class Seen:
    """Files that are new to the database or not as it knows them (`changed`), those of them that are `new` and that lie
    in the media store, and keys that it knows of files that are `gone`. After a look at the whole site: also the
    `collections` that have articles, and the files that hold their rules."""

    ctx: Context
    changed: dict[str, Stat] = field(default_factory=dict)
    new: set[str] = field(default_factory=set)
    in_media: set[str] = field(default_factory=set)
    gone: list[str] = field(default_factory=list)
    collections: set[str] = field(default_factory=set)
    schemas: dict[str, Stat] = field(default_factory=dict)
    annotations: dict[str, Stat] = field(default_factory=dict)
    reached: dict[str, str] = field(default_factory=dict)
    """Up to which key each part was gone through."""

    def mark(self, stat: Stat) -> str:
        """What the database is to believe of the file; nothing, if it has to be looked at again."""
        mark = "" if self.is_racy(stat) else stat.mark
        return MEDIA_MARK + mark if stat.key in self.in_media else mark

    def is_racy(self, stat: Stat) -> bool:
        return self.store(stat.key).may_be_late and self.ctx.clock() - stat.modified < RACY_S

    def store(self, key: str) -> Store:
        return self.ctx.media if key in self.in_media else self.ctx.site

    def in_order(self) -> list[Stat]:
        """What has changed: photos first, so that articles find the facts of theirs; translations of each other side by
        side."""

        def place(stat: Stat) -> tuple[bool, str, str, str]:
            if stat.key.startswith(ids.ASSETS):
                return False, "", "", stat.key
            collection, path = ids.split_key(stat.key)
            return True, collection, localize(path, path, None).slug, stat.key

        return sorted(self.changed.values(), key=place)


def is_content(seen: Seen, stat: Stat) -> bool:
    """Whether it is an article's file; one that holds a collection's rules is noted."""
    if not stat.key.startswith(ids.CONTENT):
        return False
    if ids.is_article(stat.key):
        seen.collections.add(ids.split_key(stat.key)[0])
        return True
    if stat.key.endswith(_ANNOTATION):
        _place(seen.annotations, stat, ids.CONTENT, _ANNOTATION)
    elif stat.key.endswith(_SCHEMA):
        _place(seen.schemas, stat, ids.CONTENT, _SCHEMA)
    return False


def note_schema(seen: Seen, stat: Stat) -> None:
    """What `astro sync` wrote; what stands beside the collection is what somebody put there, and comes first."""
    _place(seen.schemas, stat, SCHEMAS, _SCHEMA)


def is_photo(stat: Stat) -> bool:
    """Whether it is a photo's file; one of more than `MOST_PHOTO_BYTES` would take too long to read and is none."""
    return is_photo_key(stat.key) and stat.size <= MOST_PHOTO_BYTES


def is_photo_key(key: str) -> bool:
    return key.startswith(ids.ASSETS) and is_image_name(key)


def is_rule(key: str) -> bool:
    """Whether the file may say what a collection's articles must be."""
    return key.endswith((_ANNOTATION, _SCHEMA)) and "/" not in key.removeprefix(ids.CONTENT).removeprefix(SCHEMAS)


def _place(rules: dict[str, Stat], stat: Stat, folder: str, ending: str) -> None:
    """Only what lies directly in the folder counts, for the collection that it is named after."""
    name = stat.key.removeprefix(folder).removesuffix(ending)
    if "/" not in name and stat.key.endswith(ending):
        rules.setdefault(name, stat)
