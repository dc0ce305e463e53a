"""Finds where the site's own build and this service see different pages: what one of them has and the other has not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from cms.actions.finding import Finding, some
from cms.actions.rules import Rules
from cms.context import Context
from cms.model import ids, refs
from cms.model.percent_encoding import decode_uri
from cms.model.visibility import is_truthy
from cms.store.base import Key

_ENTRIES = (".json", ".yaml", ".yml", ".toml", ".mdoc")
"""The endings of files that Astro's loaders take for entries of a collection, besides those of articles."""


def of_article(ctx: Context, rules: Rules, key: str, whole: dict[str, Any]) -> Iterator[Finding]:
    """Find what the site's build may make something else of than this service does, in the article's JSON `whole`."""
    if not all(whole["id"].split("/")) and ids.id_of(ids.split_key(key)[1]) == whole["id"]:
        detail = f"the site makes the id {whole['id']!r} of the file's path; rename it, or give it a `slug`"
        yield Finding("warning", key, "", detail, "id_segment_empty")
    draft = whole["data"].get("draft")
    if is_truthy(draft) and draft is not True and "draft" not in rules.annotation.terms.drafts:
        detail = f"{draft!r} hides the article, as `!data.draft` does in the site; write draft: true, or leave it out"
        yield Finding("warning", key, "/data/draft", detail, "draft_not_boolean")
    for item in whole["images"]:
        if item["path"] is None and item["missing"]:
            yield from _of_photo_elsewhere(ctx, key, item["ref"], item["field"])


def _of_photo_elsewhere(ctx: Context, key: str, ref: str, field: str | None) -> Iterator[Finding]:
    """Find a photo that the site takes from a place where this service has none."""
    place = refs.file_of(ref, field, key)
    if place is None or place.startswith("../") or (field is None and decode_uri(ref) is None):
        return
    where = "/body" if field is None else f"/data{field}"
    if ctx.site.stat(Key(place)) is not None:
        detail = f"the site's own build finds {ref}, this service does not; move the photo below {ids.ASSETS}"
        yield Finding("warning", key, where, detail, "image_outside_assets")
    elif field is None and ref.startswith("."):
        yield Finding("error", key, where, f"shows the photo {ref}, which is not there", "image_missing")


def unread_files(ctx: Context) -> Iterator[Finding]:
    """Find, for each collection, files that Astro's loaders may take for entries and this service does not read."""
    others: dict[str, list[str]] = defaultdict(list)
    underscored: dict[str, list[str]] = defaultdict(list)
    for stat in ctx.site.list(ids.CONTENT):
        if ids.is_in_collection(stat.key):
            collection, path = ids.split_key(stat.key)
            if stat.key.endswith(_ENTRIES):
                others[collection].append(path)
            elif stat.key.endswith(ids.EXTENSIONS) and not ids.is_article(stat.key):
                underscored[collection].append(path)
    for collection, paths in others.items():
        detail = (
            f"{len(paths)} files are no Markdown and are not read ({some(paths)}); load them with Astro's own loaders"
        )
        yield Finding("warning", ids.CONTENT + collection, "", detail, "file_not_read")
    for collection, paths in underscored.items():
        detail = f"{len(paths)} files begin with _ and are not read ({some(paths)}); a pattern as `**/*.md` builds them"
        yield Finding("warning", ids.CONTENT + collection, "", detail, "file_with_underscore")
