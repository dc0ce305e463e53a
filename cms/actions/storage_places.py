"""Names the places in which a site keeps its files: for each store that is configured, its folders, and which of them
the public may read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cms.actions import direct_upload, trash
from cms.actions.develop import ORIGINALS
from cms.model import ids
from cms.settings import Settings

VARIANTS = "variants"


@dataclass(frozen=True, slots=True)
class Part:
    """A folder of a bucket; `prefix` ends in a slash. `secret` says what the public must not read there, "" where it
    may read all."""

    bucket: str
    prefix: str
    secret: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


def parts_of(settings: Settings) -> Iterator[Part]:
    """Yield the parts of all buckets that are configured."""
    photos, articles = ids.ASSETS.rstrip("/"), ids.CONTENT.rstrip("/")
    yield from _in(settings.site, {articles: "the Markdown of all articles, drafts too", photos: ""})
    if settings.is_media_apart:
        yield from _in(settings.media, {photos: "", VARIANTS: ""})
    else:
        yield from _in(settings.variants, {VARIANTS: "smaller copies of photos, hidden ones too"})
    sent = "photos as they were sent, which tell where they were taken"
    private = {direct_upload.FOLDER: sent, trash.FOLDER: "deleted photos"}
    yield from _in(settings.private, {**private, ORIGINALS: sent} if settings.keep_originals else private)


def folders_of(settings: Settings) -> dict[str, str]:
    """Return the URL of each folder of this machine that holds files of the site, by the setting that names it."""
    urls = {"CMS_SITE": f"{settings.site}/{ids.CONTENT}", "CMS_UPLOADS": settings.uploads or ""}
    if settings.is_media_apart:
        urls["CMS_MEDIA"] = settings.media
    return {name: url for name, url in urls.items() if url.startswith("file:")}


def settings_of(settings: Settings, bucket: str) -> list[str]:
    """Return the settings that name the bucket."""
    urls = {"CMS_SITE": settings.site, "CMS_UPLOADS": settings.uploads or ""}
    if settings.is_media_apart:
        urls["CMS_MEDIA"] = settings.media
    return [f"{name}={url}" for name, url in urls.items() if _bucket(url) == bucket]


def _in(store: str, folders: dict[str, str]) -> Iterator[Part]:
    bucket = _bucket(store)
    if bucket is not None:
        root = urlsplit(store).path.strip("/")
        for folder, secret in folders.items():
            yield Part(bucket, f"{root}/{folder}/" if root else f"{folder}/", secret)


def _bucket(store: str) -> str | None:
    parts = urlsplit(store)
    return parts.netloc if parts.scheme == "s3" else None
