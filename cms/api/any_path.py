"""The part of a URL that is an article's id or an image's path."""

from __future__ import annotations

from werkzeug.routing import PathConverter


class AnyPath(PathConverter):
    """Match any text, slashes included; Werkzeug's own converter takes no slash at the beginning.

    Astro makes such ids of `slug: /my-post`.
    """

    regex = ".+?"
    part_isolating = False

    def to_url(self, value: str) -> str:
        """Return the text percent-encoded; a first slash as well, which proxies would merge with the one before it."""
        text = super().to_url(value)
        return "%2F" + text[1:] if text.startswith("/") else text
