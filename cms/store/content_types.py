"""The media types that a bucket's server is told, the same on every machine."""

from __future__ import annotations

import mimetypes

# The machine's own lists differ, and Python's own lacks these.
_TYPES = mimetypes.MimeTypes(filenames=())
for _ending, _type in ((".webp", "image/webp"), (".avif", "image/avif")):
    _TYPES.add_type(_type, _ending)
for _ending in (".md", ".markdown", ".mdown", ".mkdn", ".mkd", ".mdwn", ".mdx"):
    _TYPES.add_type("text/markdown", _ending)


def content_type_of(key: str) -> str:
    """Return the media type of a file, by the ending of its name."""
    return _TYPES.guess_type(key)[0] or "application/octet-stream"
