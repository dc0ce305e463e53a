"""Brings developers' commits into the site: merged with what editors wrote, and written where the files are.

Nobody's work is overwritten. What the two sides cannot have both stays as it is in the site and is kept as a conflict,
with the text of either side. The move of the branch is noted first; whoever finds such a note finishes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cms.actions import conflicts
from cms.actions.bring import KEYS_AT_ONCE, Hold, bring, holding, key_of, keys_of
from cms.actions.commits import BY_HAND, commit_so_far, committed
from cms.context import Context
from cms.database import git
from cms.database.batches import in_steps
from cms.database.engine import read, write
from cms.errors import NotReady
from cms.store import contents
from cms.store.base import Key
from cms.store.commit import Commit, Merged, make, merge
from cms.store.contents import Change
from cms.store.repository import Head, Repository
from cms.store.work_tree import blob_at, check_paths, is_reachable

MOST_PATH_BYTES = 2000
"""Of a path in the repository."""


def take_in(ctx: Context, repository: Repository, head: Head, theirs: str) -> None:
    """Merge the remote's last commit, which is there by now, into the site's branch. The caller holds git's lock.
    `NotReady` when something that is not committed is in the way."""
    if contents.has(repository, head.commit, theirs):
        return
    touched = contents.changes(repository, contents.base(repository, head.commit, theirs) or head.commit, theirs)
    keys = keys_of(repository, touched)
    with holding(ctx, keys) as hold:
        head = commit_all(ctx, repository, keys, hold)
        merged = merge(repository, head.commit, theirs)
        switch(ctx, repository, head, theirs, merged, hold)


def commit_all(ctx: Context, repository: Repository, keys: Sequence[str], hold: Hold) -> Head:
    """Commit what editors have saved, and what was written by hand into the files at the keys."""
    for batch in [*in_steps(keys, KEYS_AT_ONCE)] or [()]:
        with hold(batch):
            commit_so_far(ctx, repository)
            _commit_by_hand(ctx, repository, batch)
    return repository.head()


def switch(ctx: Context, repository: Repository, head: Head, theirs: str, merged: Merged, hold: Hold) -> None:
    """Let the site's branch end in `merged`, which holds the remote's last commit `theirs`, and the files be its."""
    moving = _moving(repository, head.commit, merged.commit)
    check_paths(repository, merged.commit)
    _refuse_uncommitted(repository, moving)
    found = conflicts.of_merge(repository, head, theirs, merged)
    with write(ctx.database) as tx:
        git.put(tx, step_from=head.commit, step_to=merged.commit, step_seq=None)
        conflicts.note(tx, found)
    repository.move(head.branch, head.commit, merged.commit)
    disputed = bring(ctx, repository, merged.commit, moving, hold)
    decided = set(conflicts.decided_by(ctx, repository, theirs, merged)).difference(disputed)
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
        moving = _moving(repository, state.step_from, state.step_to)
        with holding(ctx, keys_of(repository, moving)) as hold:
            bring(ctx, repository, state.step_to, moving, hold)
    unreal = conflicts.unreal(ctx, repository, commit)
    with write(ctx.database) as tx:
        git.put(tx, step_from=None, step_to=None, step_seq=None)
        conflicts.forget(tx, unreal)


def _commit_by_hand(ctx: Context, repository: Repository, keys: Sequence[str]) -> None:
    """What somebody wrote into the content's files and has not committed comes first, so that it is merged too."""
    head = repository.head()
    known = contents.entries(repository, head.commit, [repository.prefix + key for key in keys])
    texts = contents.text_paths(repository, [repository.prefix + key for key in keys])
    files: dict[str, bytes | None] = {}
    for key in keys:
        path = repository.prefix + key
        data = ctx.site.read(Key(key)) if is_reachable(repository, path) else None
        data = contents.as_kept(repository, known.get(path), data) if data is not None and path in texts else data
        if data is not None and (path not in known or known[path].blob != repository.blob_id(data)):
            files[path] = data
    if not files:
        return
    tip = make(repository, head.commit, [Commit(*BY_HAND, ctx.clock(), "Take over what was written by hand", files)])
    repository.move(head.branch, head.commit, tip)


def _refuse_uncommitted(repository: Repository, moving: Sequence[Change]) -> None:
    """Other files than the content's are a developer's alone to merge. A path that no index holds is refused, too."""
    for change in moving:
        if len(change.path.encode()) > MOST_PATH_BYTES:
            detail = f"The path {change.path[:100]}… holds more than {MOST_PATH_BYTES} bytes; rename that file."
            raise NotReady(f"{detail} Until then nothing is pulled.", code="git_path")
        if key_of(repository, change) is not None:
            continue
        there = blob_at(repository, change.path)
        if there not in {entry.blob if entry else None for entry in (change.old, change.new)}:
            detail = f"{change.path} has changes in the site's work tree that are not committed; commit them, or put"
            raise NotReady(f"{detail} the file back. Until then nothing is pulled.", code="git_uncommitted")


def _moving(repository: Repository, old: str, new: str) -> list[Change]:
    """Return how the files differ; submodules are not followed, and count as nothing."""
    found = (
        Change(path, *(None if entry is None or entry.is_submodule else entry for entry in entries))
        for path, *entries in contents.changes(repository, old, new)
    )
    return [change for change in found if change.old != change.new]
