"""The files beside a site's repository, and the index that git keeps of them.

What somebody has staged or not committed is theirs: it stays.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cms.store import contents
from cms.store.contents import Change, Entry, in_parts, joined, split
from cms.store.directory import GIT_LOCK_BELIEVED_S
from cms.store.git import failed
from cms.store.repository import Repository, break_lock


def refresh_index(repository: Repository, old: str, new: str) -> bool:
    """Make the index show the commit `new` where it shows `old`; False when another git has locked it."""
    changes = contents.changes(repository, old, new)
    staged = _staged(repository, [change.path for change in changes])
    gone = Entry("0", "0" * len(new))
    lines = [
        f"{entry.mode} {entry.blob}\t{change.path}"
        for change in changes
        if staged.get(change.path) == change.old
        for entry in [change.new or gone]
    ]
    if not lines:
        return True
    index = repository.found.index
    break_lock(index.with_name("index.lock"), GIT_LOCK_BELIEVED_S)
    done = repository.git.attempt(
        repository.with_index(index), "update-index", "-z", "--index-info", given=joined(lines)
    )
    if done.status != 0 and "index.lock" not in done.error:
        raise failed(["update-index"], done)
    return done.status == 0


def check_out(repository: Repository, commit: str, changes: Sequence[Change]) -> None:
    """Make the files those of the commit; whoever calls has seen that nobody's work is there."""
    top = repository.found.top
    for change in changes:
        path = top / change.path
        if change.new is None and not _goes_through_link(top, path):
            path.unlink(missing_ok=True)
    wanted = [change.path for change in changes if change.new is not None]
    if not wanted:
        return
    with tempfile.TemporaryDirectory(prefix="cms-index-") as folder:
        place = repository.with_index(Path(folder) / "index")
        repository.git.run(place, "read-tree", commit)
        repository.git.run(place, "checkout-index", "-f", "-z", "--stdin", given=joined(wanted))


def check_paths(repository: Repository, commit: str) -> None:
    """Refuse a commit with paths that lead out of the work tree, or into git's own folder."""
    with tempfile.TemporaryDirectory(prefix="cms-index-") as folder:
        repository.git.run(repository.with_index(Path(folder) / "index"), "read-tree", commit)


def blob_at(repository: Repository, path: str) -> str | None:
    """What git calls the file that is there now, None when there is none."""
    top = repository.found.top
    place = top / path
    if _goes_through_link(top, place):
        return None
    if place.is_symlink():
        return repository.blob_id(str(place.readlink()).encode())
    if not place.is_file():
        return None
    with place.open("rb") as stream:
        return repository.blob_id(stream)


def is_reachable(repository: Repository, path: str) -> bool:
    """Return whether nothing but folders is above the path, and neither a folder nor a link is at it."""
    place = repository.found.top / path
    return _has_folders_above(repository.found.top, place) and not place.is_symlink() and not place.is_dir()


def make_room(repository: Repository, path: str) -> bool:
    """Return whether a file can be written there; folders in which there is no file are removed for it."""
    place = repository.found.top / path
    if not _has_folders_above(repository.found.top, place):
        return False
    if place.is_symlink() or not place.is_dir():
        return True
    try:
        for folder, _, _ in os.walk(place, topdown=False):
            Path(folder).rmdir()
    except OSError:  # somebody's files are in it
        return False
    return True


def _has_folders_above(top: Path, place: Path) -> bool:
    above = [parent for parent in place.parents if top in parent.parents]
    return not any(parent.is_symlink() or (parent.exists() and not parent.is_dir()) for parent in above)


def _staged(repository: Repository, paths: Sequence[str]) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    place = repository.with_index(repository.found.index)
    for part in in_parts(paths):
        for line in split(repository.git.run(place, "ls-files", "--stage", "-z", "--", *part)):
            facts, _, path = line.partition("\t")
            mode, blob, _ = facts.split(" ")
            found[path] = Entry(mode, blob)
    return found


def _goes_through_link(top: Path, path: Path) -> bool:
    return any(parent.is_symlink() for parent in path.parents if parent != top and top in parent.parents)
