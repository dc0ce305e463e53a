"""Makes the database say which photos the stores hold, and the articles what they show of them.

As with articles, a change is appended only when the photo's version differs from the log's latest.
"""

from __future__ import annotations

import dataclasses
import json

from sqlalchemy import Connection

from cms.actions.absorb import Origin, Sent, seq_of
from cms.actions.seen import MEDIA_MARK
from cms.context import Context
from cms.database import article_photos, articles, changes, image_fields, images, photo_visibility
from cms.database.changes import Change
from cms.database.images import Made, Row
from cms.database.tables import AnyRow
from cms.model import article as article_file
from cms.model import image as image_json
from cms.model import published
from cms.model.ids import ASSETS
from cms.model.image import OWN_BASE, Image, ImageFields, bytes_of


def absorb_image(
    ctx: Context, tx: Connection, image: Image, mark: str, by: Origin, said: ImageFields | None = None
) -> None:
    """The photo's file is this, and what is said of it `said`; where that is None it stays, unless the photo was gone
    and another has come."""
    latest = changes.latest(tx, "image", "", image.path)
    known = latest if latest is not None and latest.action != "deleted" else None
    if latest is not None and known is None and bytes_of(latest.version) != image.sha256:
        image_fields.remove(tx, image.path)
        photo_visibility.forget(tx, image.path)
    if known is None and by.sent is not None:
        photo_visibility.settle_at(tx, image.path, by.sent.collection, by.sent.token_id)
    row = images.get(tx, image.path)
    image = dataclasses.replace(image, fields=_say(tx, image.path, said), base=base_of(ctx, mark))
    if row is not None and row.sha256 == image.sha256:
        image = dataclasses.replace(image, rendition=row.rendition, avif=row.avif)
    if known is None:
        visible = _is_visible(tx, image, latest, by.sent)
    else:
        visible = bool(row.visible if row else known.visible_after)
    seq = seq_of(tx, row)
    is_new = known is None or known.version != image.version
    if is_new:
        seq = _append_image(tx, image, "updated" if known else "created", (known is not None and visible, visible), by)
    shown = image_json.published(image, ctx.settings.variants_base)
    images.put(tx, Row(image, shown, visible, seq, mark))
    if is_new:
        photo_visibility.unsettle(tx, [image.path])
        _refresh_articles(ctx, tx, image.path, seq)
    elif row is not None and row.base != image.base:
        # As with variants, another address for the same bytes is no change.
        _refresh_articles(ctx, tx, image.path, None)


def _is_visible(tx: Connection, image: Image, latest: AnyRow | None, sent: Sent | None) -> bool:
    """Whether the public sees a photo that is new, or there again: see "On arrival" in `photo_visibility`."""
    if sent is not None and not sent.is_public:
        return False
    is_back = latest is not None and bytes_of(latest.version) == image.sha256
    users = article_photos.showing(tx, image.path) if sent is None and not is_back else []
    return any(row.visible for row in users) if users else comes_back_visible(tx, image.path, image.sha256)


def comes_back_visible(tx: Connection, path: str, sha256: str) -> bool:
    """Whether the public sees a photo of these bytes that comes where nothing is, and that no article shows."""
    latest = changes.latest(tx, "image", "", path)
    if latest is not None and bytes_of(latest.version) == sha256:
        return bool(latest.visible_before)
    return not photo_visibility.was_secret(tx, path, sha256)


def settle_visibility(
    ctx: Context, tx: Connection, by: Origin, *, is_whole: bool = False, since: int | None = None
) -> None:
    """Append a change for each photo that becomes public or hidden with what has changed; `is_whole` at the end of a
    pass over the files.

    For a photo that was created after the seq `since`, in this transaction, the change that says so is corrected
    instead: the feed would tell the path of a photo that the public never saw.
    """
    seqs: dict[str, int] = {}
    for row in photo_visibility.unsettled(tx, is_whole=is_whole):
        before = bool(row.visible)
        by_now = Origin(by.actor, by.source)
        if since is not None and changes.correct_creation(tx, row.path, since, visible=not before):
            seqs[row.path] = row.seq
        else:
            seqs[row.path] = _append_image(tx, images.image_of(row), "updated", (before, not before), by_now)
        photo_visibility.set_visible(tx, row.path, not before, seqs[row.path])
    for key, paths in article_photos.users(tx, seqs).items():
        article = articles.by_key(tx, key)
        assert article is not None
        _refresh_article(ctx, tx, article, max(seqs[path] for path in paths))


def base_of(ctx: Context, mark: str) -> str:
    """Where the public fetches a photo whose file has this mark."""
    is_in_media = not ctx.settings.is_media_apart or mark.startswith(MEDIA_MARK)
    return ctx.settings.media_base if is_in_media else OWN_BASE


def _say(tx: Connection, path: str, said: ImageFields | None) -> ImageFields:
    known = image_fields.get(tx, path)
    if said is None or dataclasses.replace(said, revision=known.revision) == known:
        return known
    changed = dataclasses.replace(said, revision=known.revision + 1)
    image_fields.put(tx, path, changed)
    return changed


def absorb_image_deletion(ctx: Context, tx: Connection, path: str, by: Origin) -> None:
    """The photo's file is not there any more."""
    row = images.get(tx, path)
    if row is None:
        return
    images.remove(tx, path)
    seq = _append_image(tx, images.image_of(row), "deleted", (bool(row.visible), False), by)
    _refresh_articles(ctx, tx, path, seq)


def show_variants(ctx: Context, tx: Connection, path: str, sha256: str, made: Made, facts: str) -> None:
    """Variants of the photo with these bytes are there: what shows it says so, though nothing has changed."""
    row = images.get(tx, path)
    if row is not None and row.sha256 == sha256:
        image = images.image_of(row)
        rendition, avif = (facts, image.avif) if made == "rendition" else (image.rendition, facts)
        image = dataclasses.replace(image, rendition=rendition, avif=avif)
        shown = image_json.published(image, ctx.settings.variants_base)
        images.put(tx, Row(image, shown, row.visible, row.seq, row.mark))
        _refresh_articles(ctx, tx, path, None)


def _append_image(tx: Connection, image: Image, action: changes.Action, visible: tuple[bool, bool], by: Origin) -> int:
    seq, _ = changes.append(tx, change_of(image, action, visible, by))
    return seq


def change_of(image: Image, action: changes.Action, visible: tuple[bool, bool], by: Origin) -> Change:
    """`visible` says whether the public saw it before, and sees it after."""
    return Change(
        by.actor, by.source, "image", "", image.path, ASSETS + image.path, action, image.version, "", None,
        *visible, by.time, None, by.message,
    )  # fmt: skip


def _refresh_articles(ctx: Context, tx: Connection, path: str, seq: int | None) -> None:
    """Articles tell the facts of the photos they show; when a photo changes, so do they."""
    for row in article_photos.showing(tx, path):
        _refresh_article(ctx, tx, row, seq)


def _refresh_article(ctx: Context, tx: Connection, row: AnyRow, seq: int | None) -> None:
    """Serialise the article again with the facts of its photos; one that may not tell of them stays as it is."""
    before = published.whole(row.lean, row.lengths, row.heavy)
    shown = json.loads(before)
    said, mentions, _ = article_file.read_body(shown["data"], shown["body"], row.key)
    photos = images.facts_of(tx, {ref.path for ref in mentions}, row.collection)
    published.place_photos(shown, mentions, said.html, photos, ctx.settings.variants_base)
    content = published.dump(shown, row.created_at, row.updated_at)
    if content.json != before:
        articles.set_content(tx, row.key, content, seq)
