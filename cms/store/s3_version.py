"""The version of an object, told by the object itself, so that nobody has to fetch it to know.

What is written here carries the SHA-256 and the MD5 of its bytes. That is believed only while the server's own tag is
that MD5: another program may have written other bytes and left the rest as it was. Anything else is read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from cms.store.base import Version, version_of

_SHA256 = re.compile(r"[0-9a-f]{64}")


def digests(data: bytes | Path) -> dict[str, str]:
    """What is written down with the bytes."""
    return {"sha256": version_of(data), "md5": _md5(data)}


def known(metadata: Mapping[str, str], tag: str) -> Version | None:
    """The version of the object that has this metadata and, without quotes, this ETag; None when only its bytes can
    tell."""
    # Some servers give names back in another case.
    told = {name.lower(): value for name, value in metadata.items()}
    is_ours = told.get("md5") == tag.lower() and _SHA256.fullmatch(told.get("sha256", ""))
    return Version(told["sha256"]) if is_ours else None


def _md5(data: bytes | Path) -> str:
    if isinstance(data, bytes):
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    with data.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
