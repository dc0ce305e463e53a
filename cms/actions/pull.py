"""Brings developers' commits into the site: merged with what editors wrote, and written where the files are.

Nobody's work is overwritten. What the two sides cannot have both stays as it is in the site and is kept as a conflict,
with the text of either side. The move of the branch is noted first; whoever finds such a note finishes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cms.actions import conflicts
from cms.actions.commits import BY_HAND, commit_due, committed
from cms.context import Context
from cms.database import git
from cms.database.engine import read, write
from cms.errors import NotReady, Stale
from cms.model import ids
from cms.store import contents
from cms.store.base import ABSENT, Key, is_key, version_of
from cms.store.commit import Commit, Merged, make, merge
from cms.store.contents import Change
from cms.store.repository import Head, Repository
from cms.store.work_tree import blob_at, check_out, check_paths

MOST_PATH_BYTES = 2000
"""Of a path in the repository."""


def take_in(ctx: Context, repository: Repository, head: Head, theirs: str) -> None:
    """Merge the remote's last commit, which is there by now, into the site's branch. The caller holds git's lock.
    `NotReady` when something that is not committed is in the way."""
    if contents.has(repository, head.commit, theirs):
        return
    touched = contents.changes(repository, contents.base(repository, head.commit, theirs) or head.commit, theirs)
    with ctx.locks.hold(keys_of(repository, touched)):
        head = commit_all(ctx, repository, touched)
        merged = merge(repository, head.commit, theirs)
        switch(ctx, repository, head, theirs, merged)


def commit_all(ctx: Context, repository: Repository, touched: Sequence[Change]) -> Head:
    """Commit what editors have saved, and what was written by hand into the files that are `touched`."""
    while commit_due(ctx, repository):
        pass
    return _commit_by_hand(ctx, repository, touched)


def switch(ctx: Context, repository: Repository, head: Head, theirs: str, merged: Merged) -> None:
    """Let the site's branch end in `merged`, which holds the remote's last commit `theirs`, and the files be its."""
    moving = contents.changes(repository, head.commit, merged.commit)
    check_paths(repository, merged.commit)
    _refuse_uncommitted(repository, moving)
    found = conflicts.of_merge(repository, head, theirs, merged)
    with write(ctx.database) as tx:
        git.put(tx, step_from=head.commit, step_to=merged.commit, step_seq=None)
        conflicts.note(tx, found)
    repository.move(head.branch, head.commit, merged.commit)
    _bring(ctx, repository, merged.commit, moving)
    decided = conflicts.decided_by(ctx, repository, theirs, merged)
    with write(ctx.database) as tx:
        git.put(tx, step_from=None, step_to=None)
        conflicts.forget(tx, decided)


def recover(ctx: Context, repository: Repository) -> None:
    """Finish a move of the branch that was broken off, or forget it when it was not made."""
    with read(ctx.database) as tx:
        state = git.state(tx)
    if state is None or state.step_to is None:
        return
    commit = repository.head().commit
    if contents.has(repository, commit, state.step_to):
        if state.step_seq is not None:
            committed(ctx, repository, state.step_seq)
            return
        moving = contents.changes(repository, state.step_from, state.step_to)
        with ctx.locks.hold(keys_of(repository, moving)):
            _bring(ctx, repository, state.step_to, moving)
    unreal = conflicts.unreal(ctx, repository, commit)
    with write(ctx.database) as tx:
        git.put(tx, step_from=None, step_to=None, step_seq=None)
        conflicts.forget(tx, unreal)


def _key(repository: Repository, change: Change) -> Key | None:
    """Of a file of the content, which editors may be writing too; None for any other."""
    key = change.path.removeprefix(repository.prefix)
    is_plain = all(entry is None or entry.is_plain for entry in (change.old, change.new))
    is_content = change.path.startswith((repository.prefix + ids.CONTENT, repository.prefix + ids.ASSETS))
    is_hidden = any(part.startswith(".") for part in key.split("/"))
    return Key(key) if is_content and is_plain and is_key(key) and not is_hidden else None


def keys_of(repository: Repository, changes: Iterable[Change]) -> list[str]:
    found = (_key(repository, change) for change in changes)
    return [key for key in found if key is not None]


def _commit_by_hand(ctx: Context, repository: Repository, touched: Sequence[Change]) -> Head:
    """What somebody wrote into the content's files and has not committed comes first, so that it is merged too."""
    head = repository.head()
    keys = keys_of(repository, touched)
    known = contents.entries(repository, head.commit, [repository.prefix + key for key in keys])
    files: dict[str, bytes | None] = {}
    for key in keys:
        data, path = ctx.site.read(Key(key)), repository.prefix + key
        if data is not None and (path not in known or known[path].blob != repository.blob_id(data)):
            files[path] = data
    if not files:
        return head
    tip = make(repository, head.commit, [Commit(*BY_HAND, ctx.clock(), "Take over what was written by hand", files)])
    repository.move(head.branch, head.commit, tip)
    return Head(head.branch, tip)


def _refuse_uncommitted(repository: Repository, moving: Sequence[Change]) -> None:
    """Other files than the content's are a developer's alone to merge. A path that no index holds is refused, too."""
    for change in moving:
        if len(change.path.encode()) > MOST_PATH_BYTES:
            detail = f"The path {change.path[:100]}… holds more than {MOST_PATH_BYTES} bytes; rename that file."
            raise NotReady(f"{detail} Until then nothing is pulled.", code="git_path")
        if _key(repository, change) is not None or not _is_file(change):
            continue
        there = blob_at(repository, change.path)
        if there not in {entry.blob if entry else None for entry in (change.old, change.new)}:
            detail = f"{change.path} has changes in the site's work tree that are not committed; commit them, or put"
            raise NotReady(f"{detail} the file back. Until then nothing is pulled.", code="git_uncommitted")


def _bring(ctx: Context, repository: Repository, commit: str, moving: Sequence[Change]) -> None:
    """Write the files; the caller holds the locks of the content's."""
    others: list[Change] = []
    for change in moving:
        key = _key(repository, change)
        if key is not None:
            _bring_content(ctx, repository, commit, change, key)
        elif _is_file(change) and blob_at(repository, change.path) == (change.old.blob if change.old else None):
            others.append(change)
    check_out(repository, commit, others)


def _bring_content(ctx: Context, repository: Repository, commit: str, change: Change, key: Key) -> None:
    data = ctx.site.read(key)
    there = None if data is None else repository.blob_id(data)
    wanted = contents.blob(repository, change.new)
    if there == (change.new.blob if change.new else None):
        return
    try:
        if data is not None and there != (change.old.blob if change.old else None):
            raise Stale("Somebody has written it meanwhile.")
        if wanted is not None:
            ctx.site.write(key, wanted, expect=ABSENT if data is None else version_of(data))
        elif data is not None:
            ctx.site.delete(key, expect=version_of(data))
    except Stale:
        sides = (contents.blob(repository, change.old), ctx.site.read(key), wanted)
        found = conflicts.of_file(repository, commit, change.path, sides)
        with write(ctx.database) as tx:
            conflicts.note(tx, [found])


def _is_file(change: Change) -> bool:
    """Submodules are not followed."""
    return all(entry is None or not entry.mode.startswith("16") for entry in (change.old, change.new))
