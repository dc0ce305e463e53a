"""Makes the database say which photos the stores hold, and the articles what they show of them.

As with articles, a change is appended only when the bytes differ from the log's latest.
"""

from __future__ import annotations

import dataclasses
import json

from sqlalchemy import Connection

from cms.actions.absorb import Origin, seq_of
from cms.context import Context
from cms.database import articles, changes, images
from cms.database.changes import Change
from cms.model import image as image_json
from cms.model import markdown, published
from cms.model.ids import ASSETS
from cms.model.image import Image


def absorb_image(ctx: Context, tx: Connection, image: Image, mark: str, by: Origin) -> None:
    """The photo's file is this."""
    latest = changes.latest(tx, "image", "", image.path)
    known = latest if latest is not None and latest.action != "deleted" else None
    row = images.get(tx, image.path)
    seq = seq_of(tx, row)
    is_new = known is None or known.version != image.version
    if is_new:
        seq = _append_image(tx, image.path, "updated" if known else "created", image.version, known is not None, by)
    if row is not None and row.sha256 == image.sha256:
        image = dataclasses.replace(image, rendition=row.rendition)
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


def show_rendition(ctx: Context, tx: Connection, path: str, sha256: str, rendition: str) -> None:
    """The variants of the photo with these bytes are there: what shows it says so, though nothing has changed."""
    row = images.get(tx, path)
    if row is not None and row.sha256 == sha256:
        image = dataclasses.replace(images.image_of(row), rendition=rendition)
        images.set_rendition(tx, path, rendition, image_json.published(image, ctx.settings.media_url))
        _refresh_articles(ctx, tx, path, None)


def _append_image(tx: Connection, path: str, action: changes.Action, version: str, before: bool, by: Origin) -> int:
    change = Change(
        by.actor, by.source, "image", "", path, ASSETS + path, action, version, "", None,
        before, action != "deleted", by.time,
    )  # fmt: skip
    seq, _ = changes.append(tx, change)
    return seq


def _refresh_articles(ctx: Context, tx: Connection, path: str, seq: int | None) -> None:
    """Articles tell the facts of the photos they show; when a photo changes, so do they."""
    for row in articles.showing(tx, path):
        shown = json.loads(row.json)
        photos = images.facts_of(tx, {item["path"] for item in shown["images"]})
        html = markdown.render(shown["body"]).html
        published.place_photos(shown, html, photos, ctx.settings.media_url)
        articles.set_content(tx, row.key, published.dump(shown, row.created_at, row.updated_at), seq)
