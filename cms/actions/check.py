"""Finds what is wrong with the content of a site: errors that break it or its pages, and warnings worth a look."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from cms.actions import differences, lfs
from cms.actions.faults import Content, against_rules
from cms.actions.finding import Finding, Severity, some
from cms.actions.rules import Rules, rules_in
from cms.actions.seen import MOST_PHOTO_BYTES, is_photo, is_photo_key
from cms.actions.variant_findings import of_variants
from cms.context import Context
from cms.database import articles, collections, feed, images
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model import ids
from cms.model.limits import MIB
from cms.model.refs import Ref
from cms.model.slugger import slug
from cms.store.swap import UNSEEN_S

_SAYS_NOTHING = re.compile(
    r"\W*+(?:(?:photo|image|img|picture|pic|thumbnail)\W*+)?+(?:\d++\W*+)?+(?:(?<=\.)\w{3,4})?", re.IGNORECASE
)
_ALT_SHOWN = 500
"""Characters of an alt text that findings repeat."""

_UNTRANSLATED = "translation_missing"


def check(ctx: Context, *, each_translation: bool = False) -> list[Finding]:
    """Return all findings, in the order of files.

    Missing translations are one finding for each collection and locale, or one for each article with
    `each_translation`.
    """
    with read(ctx.database) as tx:
        found = [*_broken(tx), *_missing_photos(tx), *_unused_photos(tx), *_located_photos(tx), *of_variants(tx)]
        for collection in collections.all_of(tx):
            found += _of_collection(ctx, tx, collection, each_translation=each_translation)
    found += [*_unseen_writers(ctx), *_unread_photos(ctx), *differences.unread_files(ctx)]
    return sorted(found, key=lambda finding: (finding.path, finding.pointer, finding.code))


def _broken(tx: Connection) -> Iterator[Finding]:
    for row in articles.broken(tx):
        for problem in articles.problems_of(row):
            yield Finding("error", row.key, problem.pointer, problem.detail, problem.code)


def _missing_photos(tx: Connection) -> Iterator[Finding]:
    for key, path in images.missing(tx):
        row = articles.by_key(tx, key) if ids.format_of(key) == "mdx" else None
        if row is not None and path not in {item["path"] for item in json.loads(row.lean)["images"]}:
            continue  # its body may only speak of it
        yield Finding("error", key, "", f"shows the photo {path}, which is not there", "image_missing")


def _unused_photos(tx: Connection) -> Iterator[Finding]:
    for path in images.unused(tx):
        yield Finding("warning", ids.ASSETS + path, "", "no article shows this photo", "image_unused")


def _located_photos(tx: Connection) -> Iterator[Finding]:
    detail = "tells where it was taken (GPS); `cms images push --clean` takes that out"
    for path in images.located(tx):
        yield Finding("warning", ids.ASSETS + path, "", detail, "image_gps")


def _unread_photos(ctx: Context) -> Iterator[Finding]:
    detail = f"is larger than {MOST_PHOTO_BYTES // MIB} MiB and is not taken for a photo; make it smaller"
    for store in {ctx.site, ctx.media}:
        for stat in store.list(ids.ASSETS):
            if is_photo_key(stat.key) and not is_photo(stat):
                yield Finding("error", stat.key, "", detail, "image_too_large")
            elif is_photo_key(stat.key) and lfs.is_pointer(store, stat):
                yield Finding("error", stat.key, "", lfs.WHAT_NOW, "image_lfs_pointer")


def _unseen_writers(ctx: Context) -> Iterator[Finding]:
    files = sorted({key for folder in (ids.CONTENT, ids.ASSETS) for key in ctx.site.unseen(folder)})
    if files:
        detail = (
            f"the service cannot see other users' programs that have this file open ({len(files)} such files): what is"
            f" written to the old file up to {UNSEEN_S:g} s after a save is kept as ….kept-…, later it is lost; let the"
            " service own the files, or give it CAP_LEASE"
        )
        yield Finding("warning", files[0], "", detail, "writers_unseen")


def _of_collection(ctx: Context, tx: Connection, collection: AnyRow, *, each_translation: bool) -> Iterator[Finding]:
    """Find what is wrong with the articles of a collection; their texts are read few at a time."""
    rules, folders = rules_in(collection), set[str]()
    translated = _Translations(is_named=rules.annotation.locales is not None)
    for detail in rules.unreadable:
        yield Finding("error", ids.CONTENT + collection.name, "", detail, "rules_unreadable")
    for row in feed.articles_since(tx, -1, collection.name, drafts=True, lean=True):
        shown = json.loads(row.lean)
        yield from _against_rules(tx, rules, row.key, shown)
        yield from _alt_texts(row.key, shown["images"])
        yield from differences.of_article(ctx, rules, row.key, shown)
        translated.add(row)
        folders.add(row.key.rpartition("/")[0])
    yield from _alike_folders(folders)
    yield from translated.each_missing() if each_translation else translated.missing(collection.name)


def _alike_folders(folders: Iterable[str]) -> Iterator[Finding]:
    """Name the second of two folders in the same place that give the same ids, as `pt-BR` and `pt-br` do."""
    ancestors = {
        "/".join(parts[:end]) for parts in (one.split("/") for one in folders) for end in range(4, len(parts) + 1)
    }
    first: dict[tuple[str, str], str] = {}
    for folder in sorted(ancestors):
        parent, _, name = folder.rpartition("/")
        other = first.setdefault((parent, slug(name)), folder)
        if other != folder:
            detail = f"gives the same ids as the folder {other}; move all files into one of the two"
            yield Finding("warning", folder, "", detail, "folders_alike")


def _against_rules(tx: Connection, rules: Rules, key: str, shown: dict[str, Any]) -> Iterator[Finding]:
    mentions = [Ref(item["ref"], item["field"], item["alt"], item["path"]) for item in shown["images"]]
    for problem in against_rules(tx, rules, Content(shown["data"], shown["dates"], mentions)):
        # Zod drops keys it does not know: the site builds all the same.
        severity: Severity = "warning" if problem.code == "unknown_field" else "error"
        yield Finding(severity, key, problem.pointer, problem.detail, problem.code)


def _alt_texts(key: str, images: list[dict[str, Any]]) -> Iterator[Finding]:
    """Alt texts are read aloud: each has to say what its photo shows."""
    shown = [item for item in images if item["field"] is None and item["alt"] is not None]
    counted = Counter(item["alt"] for item in shown)
    for item in shown:
        if _SAYS_NOTHING.fullmatch(item["alt"]):
            detail = f"the alt text {item['alt'][:_ALT_SHOWN]!r} of {item['ref']} does not say what the photo shows"
            yield Finding("warning", key, "/body", detail, "alt_text_empty")
        elif counted[item["alt"]] > 1:
            detail = f"the alt text {item['alt'][:_ALT_SHOWN]!r} of {item['ref']} stands at another photo too"
            yield Finding("warning", key, "/body", detail, "alt_text_repeated")


@dataclass(slots=True)
class _Translations:
    """The published articles of one collection: their keys and ids, by translation key and locale in small letters.

    `is_named` says that the site names its locales: else folders are taken for languages only if an article stands in
    two of them. `names` are the locales as the site writes them.
    """

    is_named: bool
    names: dict[str, str] = field(default_factory=dict)
    published: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)

    def add(self, row: AnyRow) -> None:
        if row.visible and row.locale is not None:
            tag = row.locale.lower()
            self.names.setdefault(tag, row.locale)
            self.published.setdefault(row.twin, {})[tag] = row.key, row.id

    def missing(self, collection: str) -> Iterator[Finding]:
        """Sum up, for each locale, how many articles of the collection are not published in it."""
        for locale in self._locales():
            absent = [min(known.values())[1] for known in self.published.values() if locale not in known]
            if absent:
                number = f"{len(absent)} of {len(self.published)}"
                detail = f"{number} articles are not published in {self.names[locale]}: {some(absent)}"
                yield Finding("warning", ids.CONTENT + collection, "", detail, _UNTRANSLATED)

    def each_missing(self) -> Iterator[Finding]:
        locales = self._locales()
        for known in self.published.values():
            for key, _ in known.values():
                for locale in locales:
                    if locale not in known:
                        yield Finding("warning", key, "", f"is not published in {self.names[locale]}", _UNTRANSLATED)

    def _locales(self) -> list[str]:
        is_translated = self.is_named or any(len(known) > 1 for known in self.published.values())
        return sorted(self.names) if is_translated else []
