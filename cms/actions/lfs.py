"""Tells Git LFS pointers from photos: texts of a few lines that stand in place of files which git-lfs keeps apart."""

from __future__ import annotations

from typing import Final

from cms.store.base import Stat, Store

WHAT_NOW: Final = (
    "is a Git LFS pointer and no photo; put the photo itself there, out of git-lfs or in a bucket (CMS_MEDIA)"
)
_BEGINNING = b"version https://git-lfs.github.com/spec/"
_MOST_BYTES = 1024
"""A pointer is smaller than this, by its specification."""


def is_pointer(store: Store, stat: Stat) -> bool:
    """Return whether the file is a pointer; larger files are not read."""
    return stat.size < _MOST_BYTES and (store.read(stat.key) or b"").startswith(_BEGINNING)
