"""A photo of the site as the API shows it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cms.model.ids import ASSETS


@dataclass(frozen=True, slots=True)
class Image:
    """`path` is below `src/assets`; `width` and `height` in pixels, None when the file cannot be read as a picture."""

    path: str
    sha256: str
    bytes: int
    width: int | None
    height: int | None
    format: str

    @property
    def version(self) -> str:
        return self.sha256


def url_of(path: str, media_url: str | None) -> str:
    """Where the public fetches the photo: below `media_url`, or from this service, relative to its root."""
    return f"{media_url}/{ASSETS}{quote(path)}" if media_url else f"/media/{quote(path)}"


def facts(image: Image | None, path: str | None, media_url: str | None) -> dict[str, Any]:
    """What an article says of a photo it shows; `missing` when there is no such photo."""
    if image is None:
        nothing = dict.fromkeys(("url", "sha256", "bytes", "width", "height", "format"))
        return {"path": path, **nothing, "missing": True}
    return {
        "path": image.path,
        "url": url_of(image.path, media_url),
        "sha256": image.sha256,
        "bytes": image.bytes,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "missing": False,
    }


def published(image: Image, media_url: str | None) -> str:
    """The image's JSON, as every route serves it."""
    shown = facts(image, image.path, media_url)
    del shown["missing"]
    return json.dumps({**shown, "version": image.version}, ensure_ascii=False, separators=(",", ":"))
