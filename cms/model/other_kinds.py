"""Tells whether a photo's file is a document or an archive too, for readers that find theirs behind other bytes.

Readers that look at the first bytes, as browsers do for HTML and SVG, see a photo in every file that begins as one.
"""

from __future__ import annotations

import tarfile
from typing import BinaryIO

_PDF_HEADER, _PDF_HEAD_BYTES = b"%PDF", 1024
"""PDFium, pdf.js and Acrobat look for the header in so many bytes; readers that do not need it go by `startxref`."""

_MARKS = {
    b"startxref": "PDF document",
    b"PK\x05\x06" + b"\0" * 16: "ZIP archive",  # an empty one
    b"__HALT_COMPILER();": "PHAR archive",
    b"7z\xbc\xaf\x27\x1c": "7z archive",
    b"Rar!\x1a\x07": "RAR archive",
}
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")
"""Of a file, of its entry in the directory, and of the directory's end: in this order, wherever the archive begins."""


def other_kind(source: BinaryIO) -> str | None:
    """Return what the file is besides a photo, None for a photo alone; the stream is at its start before and after."""
    source.seek(0)
    is_tar = tarfile.is_tarfile(source)
    source.seek(0)
    data = source.read()
    source.seek(0)
    if _PDF_HEADER in data[: _PDF_HEAD_BYTES + len(_PDF_HEADER)]:
        return "PDF document"
    if is_tar:
        return "TAR archive"
    return "ZIP archive" if _is_zip(data) else next((kind for mark, kind in _MARKS.items() if mark in data), None)


def _is_zip(data: bytes) -> bool:
    at = 0
    for mark in _ZIP_MARKS:
        at = data.find(mark, at)
        if at < 0:
            return False
    return True
