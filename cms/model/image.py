"""A photo of the site as the API shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from cms.errors import Invalid, Problem
from cms.model import image_variants
from cms.model.ids import ASSETS
from cms.model.image_variants import Photo
from cms.model.locales import lookup
from cms.model.pointer import pointer

VARIANTS = "variants"
"""The folder of all variants in their store."""

OWN_BASE = "/media"
"""Below this, the service itself gives out photos; elsewhere they have the same paths as in the store."""

ANY_LOCALE = "*"
"""Stands for every locale among a photo's texts."""


@dataclass(frozen=True, slots=True)
class ImageFields:
    """What people say of a photo, which its file does not: `alt` and `caption` are texts by locale, `focal_point` the
    place that has to stay in sight, from the upper left, each of both from 0 to 1. `revision` counts the changes."""

    alt: Mapping[str, str] = field(default_factory=dict)
    caption: Mapping[str, str] = field(default_factory=dict)
    credit: str | None = None
    copyright: str | None = None
    focal_point: tuple[float, float] | None = None
    revision: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> ImageFields:
        found = json.loads(text)
        focus = found.pop("focal_point")
        return cls(**found, focal_point=None if focus is None else (focus[0], focus[1]))


UNSAID = ImageFields()


@dataclass(frozen=True, slots=True)
class Image:
    """`path` is below `src/assets`; `width` and `height` in pixels, None when the file cannot be read as a picture.

    `has_gps` says that the file tells where it was taken, `base` where the public fetches it. `rendition` is JSON:
    `placeholder`, `colour`, and `variants`, each `[width, height, bytes]`, or `[width, height, bytes, name]` where its
    name is not that of its width; `avif` is JSON too, more such variants. Both are None until made.
    """

    path: str
    sha256: str
    bytes: int
    width: int | None
    height: int | None
    format: str
    has_gps: bool = False
    base: str = OWN_BASE
    fields: ImageFields = UNSAID
    rendition: str | None = None
    avif: str | None = None

    @property
    def version(self) -> str:
        return self.sha256 if not self.fields.revision else f"{self.sha256}.{self.fields.revision}"


def bytes_of(version: str) -> str:
    """The SHA-256 of the file that an image's version names."""
    return version.partition(".")[0]


def url_of(image: Image) -> str:
    """Where the public fetches the photo: from a bucket or CDN, or from this service, relative to its root."""
    return f"{image.base}/{quote(image.path if image.base == OWN_BASE else ASSETS + image.path)}"


def variant_key(sha256: str, name: str) -> str:
    """Where a variant is kept in its store: named by the digest of the photo's bytes, it never changes."""
    return f"{VARIANTS}/{sha256}/{name}"


def facts(image: Image | None, path: str | None, locale: str | None, variants_base: str) -> dict[str, Any]:
    """What an article in that locale says of a photo it shows; `missing` when there is no such photo."""
    if image is None:
        nothing = dict.fromkeys(("url", "sha256", "bytes", "width", "height", "format", "version"))
        texts = dict.fromkeys(("caption", "credit", "copyright", "focal_point"))
        return {"path": path, **nothing, **texts, **_variants(None, variants_base), "missing": True}
    caption = said_in(image.fields.caption, locale)
    return {**_about(image), "caption": caption, **_variants(image, variants_base), "missing": False}


def published(image: Image, variants_base: str) -> str:
    """The image's JSON, as every route serves it."""
    texts = {"alt": dict(image.fields.alt), "caption": dict(image.fields.caption)}
    shown = {**_about(image), **texts, **_variants(image, variants_base)}
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":"))


def said_in(texts: Mapping[str, str], locale: str | None) -> str | None:
    """Return the text for readers of that locale, or of what truncation leaves of its tag, None when there is none."""
    by_tag = {tag.lower(): text for tag, text in texts.items()}
    tags = (*(() if locale is None else lookup(locale)), ANY_LOCALE)
    return next((by_tag[tag] for tag in tags if tag in by_tag), None)


def focus_after(known: tuple[float, float] | None, patch: Mapping[str, float]) -> tuple[float, float]:
    """The focal point after a merge patch of it; `Invalid` when that would be half a point."""
    whole = ({} if known is None else {"x": known[0], "y": known[1]}) | dict(patch)
    missing = [
        Problem(pointer("focal_point", name), "there is no focal point yet; give both x and y", "required")
        for name in ("x", "y")
        if name not in whole
    ]
    if missing:
        raise Invalid("The focal point has an x and a y.", problems=missing)
    return whole["x"], whole["y"]


def attributes(shown: dict[str, Any]) -> dict[str, str]:
    """What an `<img>` says of the photo, besides its alt text, given its facts."""
    sizes = {name: str(shown[name]) for name in ("width", "height") if shown[name] is not None}
    # By `auto` a lazy image is fetched as wide as it is laid out; browsers that do not know it take the rest.
    srcset = {"srcset": shown["srcset"], "sizes": "auto, 100vw"} if shown["srcset"] else {}
    return {"src": shown["url"], **srcset, **sizes, "loading": "lazy", "decoding": "async"}


def _about(image: Image) -> dict[str, Any]:
    focus = image.fields.focal_point
    return {
        "path": image.path,
        "url": url_of(image),
        "sha256": image.sha256,
        "bytes": image.bytes,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "version": image.version,
        "credit": image.fields.credit,
        "copyright": image.fields.copyright,
        "focal_point": None if focus is None else {"x": focus[0], "y": focus[1]},
    }


def _variants(image: Image | None, variants_base: str) -> dict[str, Any]:
    if image is None:
        return image_variants.shown(None, "", None, None)
    photo = Photo(url_of(image), image.width, image.height, image.format)
    folder = f"{variants_base}/{VARIANTS}/{image.sha256}"
    return image_variants.shown(photo, folder, image.rendition, image.avif)
