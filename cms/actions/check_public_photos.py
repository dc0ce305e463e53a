"""Says whether the public gets a published photo by its public URL, and no hidden one."""

from __future__ import annotations

from collections.abc import Iterator

from cms.actions.finding import Finding
from cms.actions.start import is_prepared
from cms.actions.storage_places import Part, parts_of
from cms.context import Context
from cms.database import images
from cms.database.engine import read
from cms.database.tables import AnyRow
from cms.model import ids
from cms.model.image import url_of
from cms.settings import Settings
from cms.store import plain_http


def check_public_photos(ctx: Context) -> Iterator[Finding]:
    """Yield what the public gets of one published and of one hidden photo, if there are such."""
    base = ctx.settings.media_url
    if not is_prepared(ctx):
        detail = "no photo was tried, for this database does not know the site yet; start the service, then check again"
        yield Finding("info", ctx.settings.site, "", detail, "public_photo")
        return
    with read(ctx.database) as tx:
        shown = None if base is None else images.example(tx, visible=True, base=base)
        hidden = images.example(tx, visible=False)
    if base is not None:
        yield from _published(ctx.settings, base, shown)
    if hidden is not None:
        yield from _hidden(ctx.settings, hidden)


def _published(settings: Settings, base: str, row: AnyRow | None) -> Iterator[Finding]:
    if row is None:
        detail = "no published photo is there to try CMS_MEDIA_URL with; run the check again once there is one"
        yield Finding("info", base, "", detail, "public_photo")
        return
    url = _whole(settings, url_of(images.image_of(row)))
    if url is None:
        detail = (
            "CMS_MEDIA_URL is a path, and CMS_PUBLIC_URL is not set: the photos' public URL is not known and not tried"
        )
        yield Finding("info", base, "", detail, "public_photo")
        return
    answer = plain_http.get(url, row.bytes)
    if answer.status != 200:
        detail = (
            f"the public gets no photo ({answer}); let it read {ids.ASSETS} in the bucket, or correct CMS_MEDIA_URL"
        )
        yield Finding("error", url, "", detail, "public_photo")
    elif answer.sha256 != row.sha256:
        detail = (
            "the public gets other bytes than those that are stored; CMS_MEDIA_URL leads elsewhere, or a CDN is stale"
        )
        yield Finding("error", url, "", detail, "public_photo")
    else:
        yield Finding("info", url, "", "the public gets this published photo, byte for byte", "public_photo")


def _hidden(settings: Settings, row: AnyRow) -> Iterator[Finding]:
    """Try the URL that the photo would have, and the bucket itself."""
    key = ids.ASSETS + row.path
    url = _whole(settings, url_of(images.image_of(row))) if row.base == settings.media_url else None
    is_read = url is not None and plain_http.get(url, row.bytes).sha256 == row.sha256
    if is_read or any(_is_open(part, key) for part in parts_of(settings) if part.prefix.endswith(ids.ASSETS)):
        detail = (
            "anybody who knows its address can read this hidden photo; where that matters, close the bucket and unset"
            " CMS_MEDIA_URL, so that this service gives out photos"
        )
        yield Finding("warning", key, "", detail, "public_reads_hidden")


def _is_open(part: Part, key: str) -> bool:
    from cms.store.s3_anybody import Anybody

    return Anybody(part.bucket).may_read(part.prefix + key.removeprefix(ids.ASSETS))


def _whole(settings: Settings, url: str) -> str | None:
    """Return the URL with the service's own address where it has none; None when that is not known."""
    if not url.startswith("/"):
        return url
    return None if settings.public_url is None else settings.public_url + url
