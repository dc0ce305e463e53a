"""Who changed a file, when git knows it: a developer's commit is a revision by that developer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from cms.actions.absorb import Origin
from cms.context import Context
from cms.errors import NotReady, Unavailable
from cms.store import contents
from cms.store.base import Key, Store
from cms.store.contents import Touch
from cms.store.repository import Repository

log = logging.getLogger("cms.git")


class Authorship:
    """Reads the history once, and then only what is new in it: to ask git for single files takes long where there are
    many."""

    def __init__(self, ctx: Context) -> None:
        self._repository = ctx.repository
        self._clock = ctx.clock
        self._commit: str | None = None
        self._last: dict[str, Touch] = {}
        self._theirs: dict[str, Touch] = {}  # the last that was not made of what an editor wrote here

    def of_files(self, files: Mapping[str, Store]) -> dict[str, Origin]:
        """For those of the files, by key, that are as the last commit has them: who made them so."""
        if self._repository is None or not files:
            return {}
        try:
            return self._of_files(self._repository, files)
        except (NotReady, Unavailable) as error:
            log.warning("nobody knows just now who changed files: %s", error.detail)
            return {}

    def of_deletions(self, keys: Sequence[str]) -> dict[str, Origin]:
        """For those of the files, which are not there, that a commit has deleted: whose it was."""
        if self._repository is None or not keys:
            return {}
        try:
            commit = self._repository.head().commit
            paths = [self._repository.prefix + key for key in keys]
            left = contents.entries(self._repository, commit, paths)
            return self._origins(self._repository, commit, {path: None for path in paths if path not in left})
        except (NotReady, Unavailable) as error:
            log.warning("nobody knows just now who deleted files: %s", error.detail)
            return {}

    def _of_files(self, repository: Repository, files: Mapping[str, Store]) -> dict[str, Origin]:
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
        return self._origins(repository, commit, same)

    def _origins(self, repository: Repository, commit: str, blobs: Mapping[str, str | None]) -> dict[str, Origin]:
        if blobs:
            self._read(repository, commit)
        found: dict[str, Origin] = {}
        for path, blob in blobs.items():
            touch = self._last.get(path)
            if touch is not None and touch.blob != blob:
                # A merge made it of an editor's change and a developer's; the log has the editor's already.
                touch = self._theirs.get(path, touch)
            if touch is not None:
                origin = Origin(touch.author, "git", min(touch.time, self._clock()))
                found[path.removeprefix(repository.prefix)] = origin
        return found

    def _read(self, repository: Repository, commit: str) -> None:
        known = self._commit
        if known == commit:
            return
        if known is None or not contents.has(repository, commit, known):
            known, self._last, self._theirs = None, {}, {}
        last: dict[str, Touch] = {}
        theirs: dict[str, Touch] = {}
        for touch in contents.touches(repository, commit if known is None else f"{known}..{commit}"):
            last.setdefault(touch.path, touch)
            if not touch.is_ours:
                theirs.setdefault(touch.path, touch)
        self._last |= last
        self._theirs |= theirs
        self._commit = commit
