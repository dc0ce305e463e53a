"""Looks after a remote branch that was rewritten or deleted: what developers took out of history is not pushed back.

Nothing is pulled or pushed until a person has decided, by putting the branch back or by `accept`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cms.actions import conflicts
from cms.actions.bring import holding, keys_of
from cms.actions.commits import LOCK
from cms.actions.keep_git import REWRITTEN
from cms.actions.notices import tell
from cms.actions.pull import commit_all, recover, switch
from cms.context import Context
from cms.database.engine import write
from cms.errors import NotReady
from cms.store import contents
from cms.store.commit import Merged
from cms.store.remote import Remote
from cms.store.replay import own_commits, replay
from cms.store.repository import Head, Repository

LOCK_REMOTE: Final = "git_remote"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The end of the site's branch, the number of the site's commits that were put on top of the remote's, and the
    paths that are in conflict. `commit` is None when the remote has no such branch: it is pushed anew."""

    commit: str | None
    replayed: int = 0
    conflicts: tuple[str, ...] = ()


def tell_rewritten(ctx: Context, remote: Remote, head: Head, theirs: str | None) -> bool:
    """Return whether the remote's branch, which ends in `theirs`, was rewritten or deleted; operators are told."""
    lost = remote.lost(head, theirs)
    tell(ctx, REWRITTEN, _detail(head, lost, theirs) if lost else None)
    return bool(lost)


def accept(ctx: Context) -> Accepted:
    """Move the site's branch to the remote's rewritten one, with the commits on top that the remote never had.
    `NotReady` when nothing was rewritten."""
    repository = ctx.repository
    if repository is None:
        raise NotReady("The site is not kept in git: CMS_GIT is off.", code="git")
    remote = Remote(repository)
    with ctx.locks.hold([LOCK_REMOTE]), ctx.locks.hold([LOCK]):
        recover(ctx, repository)
        head = repository.head()
        repository.tidy(repository.apart)
        theirs = remote.fetch(head)
        lost = remote.lost(head, theirs)
        if not lost:
            raise NotReady("The remote's branch was not rewritten: there is nothing to accept.", code="git")
        done = Accepted(None) if theirs is None else _move(ctx, repository, head, theirs, lost)
        remote.track(repository.head(), theirs)
        tell(ctx, REWRITTEN, None)
        return done


def _move(ctx: Context, repository: Repository, head: Head, theirs: str, lost: list[str]) -> Accepted:
    touched = contents.changes(repository, head.commit, theirs)
    keys = keys_of(repository, touched)
    with holding(ctx, keys) as hold:
        head = commit_all(ctx, repository, keys, hold)
        commits = own_commits(repository, head.commit, [*lost, theirs])
        tip, disputed = replay(repository, commits, theirs)
        outdated = conflicts.unreal(ctx, repository, tip)
        with write(ctx.database) as tx:
            conflicts.forget(tx, outdated)
        switch(ctx, repository, head, theirs, Merged(tip, lost[0], tuple(disputed)), hold)
    return Accepted(tip, len(commits), tuple(disputed))


def _detail(head: Head, lost: list[str], theirs: str | None) -> str:
    branch = head.branch.removeprefix("refs/heads/")
    if theirs is None:
        return (
            f"The git remote has no branch {branch} any more. Nothing is pushed until somebody decides: put the branch"
            " back, or run `cms git accept`, which pushes the site's branch anew with all of its history."
        )
    return (
        f"The git remote's branch {branch} was rewritten: it does not have commit {lost[0][:12]} any more, which the"
        " site has. Nothing is pulled or pushed until somebody decides: put the old commits back, or run `cms git"
        " accept`, which moves the site to the new branch and puts on top what editors wrote and was not pushed yet."
    )
