"""A photo of the site as the API shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cms.model.ids import ASSETS

NOTHING = '{"placeholder": null, "colour": null, "variants": []}'
"""The rendition of a photo that has none, or none yet."""


@dataclass(frozen=True, slots=True)
class Image:
    """`path` is below `src/assets`; `width` and `height` in pixels, None when the file cannot be read as a picture.

    `rendition` is JSON: `placeholder`, `colour`, and `variants`, each `[width, height, bytes]`; None until it is made.
    """

    path: str
    sha256: str
    bytes: int
    width: int | None
    height: int | None
    format: str
    rendition: str | None = None

    @property
    def version(self) -> str:
        return self.sha256


def url_of(path: str, media_url: str | None) -> str:
    """Where the public fetches the photo: below `media_url`, or from this service, relative to its root."""
    return f"{media_url}/{ASSETS}{quote(path)}" if media_url else f"/media/{quote(path)}"


def variant_key(sha256: str, name: str) -> str:
    """Where a variant is kept in its store: named by the digest of the photo's bytes, it never changes."""
    return f"{sha256}/{name}"


def facts(image: Image | None, path: str | None, media_url: str | None) -> dict[str, Any]:
    """What an article says of a photo it shows; `missing` when there is no such photo."""
    if image is None:
        nothing = dict.fromkeys(("url", "sha256", "bytes", "width", "height", "format"))
        return {"path": path, **nothing, **_rendition(None, media_url), "missing": True}
    return {
        "path": image.path,
        "url": url_of(image.path, media_url),
        "sha256": image.sha256,
        "bytes": image.bytes,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        **_rendition(image, media_url),
        "missing": False,
    }


def published(image: Image, media_url: str | None) -> str:
    """The image's JSON, as every route serves it."""
    shown = facts(image, image.path, media_url)
    del shown["missing"]
    return json.dumps({**shown, "version": image.version}, ensure_ascii=False, separators=(",", ":"))


def attributes(shown: dict[str, Any]) -> dict[str, str]:
    """What an `<img>` says of the photo, besides its alt text, given its facts."""
    sizes = {name: str(shown[name]) for name in ("width", "height") if shown[name] is not None}
    srcset = {"srcset": shown["srcset"]} if shown["srcset"] else {}
    return {"src": shown["url"], **srcset, **sizes, "loading": "lazy", "decoding": "async"}


def _rendition(image: Image | None, media_url: str | None) -> dict[str, Any]:
    known = json.loads(NOTHING if image is None or image.rendition is None else image.rendition)
    variants = [
        {
            "url": f"{media_url or '/media'}/variants/{variant_key(image.sha256, f'{width}.webp')}",
            "width": width,
            "height": height,
            "bytes": size,
            "format": "webp",
        }
        for width, height, size in known["variants"]
        if image is not None
    ]
    srcset = ", ".join(f"{variant['url']} {variant['width']}w" for variant in variants)
    return {
        "placeholder": known["placeholder"],
        "colour": known["colour"],
        "variants": variants,
        "srcset": srcset or None,
    }
