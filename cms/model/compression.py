"""Text in fewer bytes, for what the database keeps and rarely reads."""

from __future__ import annotations

import zlib

_LEVEL = 3
"""Of zlib's nine; the usual sixth takes twice as long, and saves a tenth."""


def compress(text: str) -> bytes:
    """Return the text as a zlib stream of its UTF-8 bytes."""
    return zlib.compress(text.encode(), _LEVEL)


def decompress(data: bytes) -> str:
    """Return the text that `compress` was given; raise ValueError for bytes that are damaged."""
    return decompress_bytes(data).decode()


def decompress_bytes(data: bytes) -> bytes:
    """Return the text's UTF-8 bytes; raise as `decompress` does."""
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError("the compressed text is damaged") from error
