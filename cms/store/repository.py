"""The git repository that a site lies in: its branch and what its commits hold. It knows files, and no content.

One at a time: whoever uses it holds a lock; another one for what is `apart`. Failures of git are `Unavailable`.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from cms.clock import age_s
from cms.errors import NotReady
from cms.store.git import Git, Place, at_folder, at_own, at_site

COMMITTER: Final = ("Markdown CMS", "cms@cms.invalid")

LOCK_BELIEVED_S = 10.0
"""A lock on a branch older than this was left by a git that died."""

MOST_LOOSE = 6700
PACK_S = 600.0

_BUSY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


class Head(NamedTuple):
    """The branch that is checked out (as `refs/heads/main`) and its last commit."""

    branch: str
    commit: str


@dataclass(frozen=True, slots=True)
class Found:
    """Where things are: the top of the work tree, git's folder of it and of all its work trees."""

    top: Path
    git_folder: Path
    common: Path
    objects: Path
    index: Path
    shallow: Path
    hash_name: str


class Repository:
    """`site` is a folder in a work tree, `state` where a repository of ours may lie, and `remote` the URL to fetch from
    and to push to, None for the one that the site's repository names."""

    def __init__(self, site: Path, state: Path, environment: Mapping[str, str], remote: str | None = None) -> None:
        self.git = Git(environment)
        self.remote = remote
        self._site = site
        self._state = state

    @cached_property
    def found(self) -> Found:
        names = ["--show-toplevel", "--absolute-git-dir", "--show-object-format", "--git-common-dir"]
        paths = [part for name in ("objects", "index", "shallow") for part in ("--git-path", name)]
        lines = self.git.run(at_folder(self._site), "rev-parse", *names, *paths).decode().splitlines()
        top, git_folder, hash_name, *others = lines
        common, objects, index, shallow = ((self._site / line).resolve() for line in others)
        return Found(Path(top), Path(git_folder), common, objects, index, shallow, hash_name)

    @cached_property
    def prefix(self) -> str:
        """The site's path below the top of the work tree, with a slash at its end; "" when it is the top."""
        below = self._site.resolve().relative_to(self.found.top.resolve()).as_posix()
        return "" if below == "." else f"{below}/"

    @cached_property
    def place(self) -> Place:
        """Of the site's own repository."""
        return at_site(self.found.top, self.found.git_folder)

    @cached_property
    def own(self) -> Place:
        """Return the place of our own repository in which commits are made."""
        return self._made("git")

    @cached_property
    def apart(self) -> Place:
        """Return the place of another one of ours, for what may take long: no commit waits for it."""
        return self._made("git-remote")

    def _made(self, name: str) -> Place:
        folder = self._state / name
        if not (folder / "HEAD").exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            form = f"--object-format={self.found.hash_name}"
            self.git.run(at_folder(folder), "init", "--quiet", "--bare", "--template=", form, str(folder))
        self._learn_depth(folder)
        return at_own(folder, self.found.objects)

    def _learn_depth(self, folder: Path) -> None:
        """The commits at the end of a shallow clone name parents that it does not have."""
        own = folder / "shallow"
        try:
            depth = self.found.shallow.read_bytes()
        except FileNotFoundError:
            own.unlink(missing_ok=True)
            return
        if not own.exists() or own.read_bytes() != depth:
            new = folder / f"shallow.{secrets.token_hex(4)}"
            new.write_bytes(depth)
            new.replace(own)

    def with_index(self, index: Path) -> Place:
        """The repository of ours with the site's work tree and this index. A git that writes an index looks at files
        through their filters, which are not there by the config of ours, whatever the site's attributes say."""
        top, exclude = self.found.top, self.found.common / "info/exclude"
        settings = ("-c", "core.bare=false", "-c", f"core.excludesFile={exclude}", f"--work-tree={top}")
        return Place(top, (*self.own.arguments, *settings), {**self.own.environment, "GIT_INDEX_FILE": str(index)})

    def tidy(self, place: Place) -> None:
        """Remove what a git that was killed has left in a repository of ours, and learn how deep the site's goes."""
        folder = place.folder
        for left in [*folder.rglob("*.lock"), *folder.glob("fast_import_crash_*")]:
            left.unlink(missing_ok=True)
        self._learn_depth(folder)

    def head(self) -> Head:
        """What is checked out; `NotReady` while somebody is in the middle of a merge, or on no branch."""
        for name in _BUSY:
            if (self.found.git_folder / name).exists():
                raise NotReady("Somebody is in the middle of a merge in the site's work tree.", code="git")
        done = self.git.attempt(self.place, "rev-parse", "HEAD", "--symbolic-full-name", "HEAD")
        commit, _, branch = done.out.decode().strip().partition("\n")
        if done.status != 0 or not branch.startswith("refs/heads/"):
            raise NotReady("The site's work tree is on no branch, or on one without a commit.", code="git")
        return Head(branch, commit)

    def move(self, branch: str, old: str, new: str) -> None:
        """Make the branch end in `new` instead of `old`; `Unavailable` when somebody was faster."""
        for lock in (self.found.common / f"{branch}.lock", self.found.git_folder / "HEAD.lock"):
            break_lock(lock, LOCK_BELIEVED_S)
        self.git.run(self.place, "update-ref", "-m", "cms", branch, new, old)

    def pack(self) -> None:
        """Put the objects of many commits into one file, as `git gc` would, when there are many."""
        # Git estimates their number by one of their 256 folders, too.
        if len(list(self.found.objects.glob("17/*"))) * 256 > MOST_LOOSE:
            self.git.run(self.place, "repack", "-d", "-q", "--no-write-bitmap-index", timeout_s=PACK_S)

    def blob_id(self, data: bytes | BinaryIO) -> str:
        """What git calls a file with these bytes."""
        size = len(data) if isinstance(data, bytes) else data.seek(0, 2)
        digest = hashlib.new(self.found.hash_name, b"blob %d\0" % size, usedforsecurity=False)
        if isinstance(data, bytes):
            digest.update(data)
            return digest.hexdigest()
        data.seek(0)
        while chunk := data.read(1 << 20):
            digest.update(chunk)
        return digest.hexdigest()


def break_lock(lock: Path, believed_s: float) -> None:
    """Remove the lock file, if it is older than any git at work would leave it."""
    with suppress(OSError):
        if age_s(lock.stat().st_mtime) > believed_s:
            lock.unlink()
