"""Takes over many photos at once, as when a site is read for the first time.

What comes out is as `absorb_image` would have it; what is not as simple is left to it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from sqlalchemy import Connection

from cms.actions.absorb import Origin
from cms.actions.absorb_images import absorb_image, base_of, change_of
from cms.context import Context
from cms.database import article_photos, changes, clock, image_fields, images, photo_visibility
from cms.database.images import Row
from cms.database.tables import AnyRow
from cms.model import image as image_json
from cms.model.image import UNSAID, Image

Found = tuple[Image, str, Origin]
"""A photo, the store's mark of its file, and who brought it."""


def absorb_images(ctx: Context, tx: Connection, found: Sequence[Found]) -> None:
    """As `absorb_image` of each; no two are at the same path."""
    paths = [image.path for image, _, _ in found]
    met = images.there(tx, paths) | article_photos.shown_anywhere(tx, paths)
    said = image_fields.of(tx, paths)
    log = changes.latest_of(tx, "", paths, subject="image")
    simple: list[Found] = []
    for image, mark, by in found:
        whole = dataclasses.replace(image, fields=said.get(image.path, UNSAID), base=base_of(ctx, mark))
        if image.path not in met and _is_known_or_new(log.get(image.path), whole):
            simple.append((whole, mark, by))
        else:
            absorb_image(ctx, tx, image, mark, by)
    if simple:
        _absorb(ctx, tx, simple, log)


def _is_known_or_new(latest: AnyRow | None, image: Image) -> bool:
    return latest is None or (latest.action != "deleted" and latest.version == image.version)


def _absorb(ctx: Context, tx: Connection, simple: list[Found], log: dict[str, AnyRow]) -> None:
    # The public has never seen them, and nothing shows them: so it may.
    new = [change_of(image, "created", (False, True), by) for image, _, by in simple if image.path not in log]
    last = changes.append_all(tx, new, clock.now(tx))
    seq, rows = last - len(new), []
    for image, mark, _ in simple:
        known = log.get(image.path)
        seq += known is None
        shown = image_json.published(image, ctx.settings.variants_base)
        is_visible, place = (True, seq) if known is None else (bool(known.visible_after), last)
        rows.append(Row(image, shown, is_visible, place, mark))
    images.add(tx, rows)
    photo_visibility.unsettle(tx, [change.name for change in new])
