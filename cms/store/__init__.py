"""Where bytes live: one function a URL scheme, and no other backend."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cms.store.base import Store


def open_store(url: str, *, cache_control: str | None = None, is_private: bool = False) -> Store:
    """The store behind `file:///path` or `s3://bucket/prefix`.

    `cache_control` is for those who read from a bucket themselves: how long they may keep what is written there.
    What is written to a private folder is for this user alone.
    """
    return SCHEMES[urlsplit(url).scheme](url, cache_control, is_private)


def folder_of(url: str) -> Path:
    """The folder behind `file:///path`."""
    return Path(unquote(urlsplit(url).path))


def _directory(url: str, _: str | None, is_private: bool) -> Store:
    from cms.store.directory import DirectoryStore

    return DirectoryStore(folder_of(url), is_private=is_private)


def _s3(url: str, cache_control: str | None, _: bool) -> Store:
    # boto3 takes longer to import than the whole service to start.
    from cms.store.s3 import S3Store

    parts = urlsplit(url)
    return S3Store(parts.netloc, parts.path, cache_control=cache_control)


SCHEMES: dict[str, Callable[[str, str | None, bool], Store]] = {"file": _directory, "s3": _s3}
