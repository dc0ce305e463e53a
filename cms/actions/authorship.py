"""Who changed a file, when git knows it: a developer's commit is a revision by that developer."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence

from cms.actions.absorb import Origin
from cms.context import Context
from cms.errors import NotReady, Unavailable
from cms.store import contents
from cms.store.base import Key, Store
from cms.store.repository import Repository

log = logging.getLogger("cms.git")


def of_files(ctx: Context, files: Mapping[str, Store]) -> dict[str, Origin]:
    """For those of the files, by key, that are as the last commit has them: who committed them so."""
    if ctx.repository is None or not files:
        return {}
    try:
        return _of_files(ctx.repository, files)
    except (NotReady, Unavailable) as error:
        log.warning("nobody knows just now who changed files: %s", error.detail)
        return {}


def of_deletions(ctx: Context, keys: Sequence[str]) -> dict[str, Origin]:
    """For those of the files, which are not there, that a commit has deleted: whose it was."""
    if ctx.repository is None or not keys:
        return {}
    try:
        commit = ctx.repository.head().commit
        paths = [ctx.repository.prefix + key for key in keys]
        left = contents.entries(ctx.repository, commit, paths)
        return _origins(ctx.repository, commit, {path: None for path in paths if path not in left})
    except (NotReady, Unavailable) as error:
        log.warning("nobody knows just now who deleted files: %s", error.detail)
        return {}


def _of_files(repository: Repository, files: Mapping[str, Store]) -> dict[str, Origin]:
    commit = repository.head().commit
    committed = contents.entries(repository, commit, [repository.prefix + key for key in files])
    same: dict[str, str | None] = {}
    for path, entry in committed.items():
        key = Key(path.removeprefix(repository.prefix))
        stream = files[key].open(key)
        if stream is not None:
            with stream:
                if repository.blob_id(stream) == entry.blob:
                    same[path] = entry.blob
    return _origins(repository, commit, same)


def _origins(repository: Repository, commit: str, blobs: Mapping[str, str | None]) -> dict[str, Origin]:
    authors = contents.authors(repository, commit, list(blobs)) if blobs else {}
    return {
        path.removeprefix(repository.prefix): Origin(author.name, "git", min(author.time, time.time()))
        for path, author in authors.items()
        if author.blob == blobs.get(path, "")
    }
