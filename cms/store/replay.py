"""Makes commits again on top of another branch, as `git rebase` does, without index and work tree.

`git merge-tree` takes a merge base by name only from git 2.40 on: each commit is merged by way of three commits that
have nothing but the right trees and the right common parent.
"""

from __future__ import annotations

from cms.store import contents
from cms.store.commit import Commit, commit_tree, merge_trees
from cms.store.repository import COMMITTER, Repository

_FORMAT = "--format=%an%x00%ae%x00%at%x00%B%x00"


def own_commits(repository: Repository, commit: str, others: list[str]) -> list[str]:
    """Return the commits that `commit` has and none of the `others`, the oldest first, without merges."""
    without = [f"^{other}" for other in others]
    options = ("--reverse", "--topo-order", "--no-merges")
    return repository.git.run(repository.own, "rev-list", *options, commit, *without).decode().split()


def replay(repository: Repository, commits: list[str], onto: str) -> tuple[str, list[str]]:
    """Return the last of the commits, made anew one after the other on top of `onto`, and the paths in conflict: they
    are as the commits have them. One that changes nothing there is left out."""
    tip = onto
    conflicts: list[str] = []
    for commit in commits:
        tree, found = _picked(repository, commit, tip)
        placed = contents.entries(repository, commit, found)
        made = commit_tree(repository, _heading(repository, commit), tree, (tip,), {p: placed.get(p) for p in found})
        conflicts += found
        if contents.changes(repository, tip, made):
            tip = made
    return tip, list(dict.fromkeys(conflicts))


def _picked(repository: Repository, commit: str, onto: str) -> tuple[str, list[str]]:
    heading = Commit(*COMMITTER, 0, "", {})
    base = commit_tree(repository, heading, _tree(repository, f"{commit}^"), (), {})
    ours = commit_tree(repository, heading, _tree(repository, onto), (base,), {})
    theirs = commit_tree(repository, heading, _tree(repository, commit), (base,), {})
    return merge_trees(repository, ours, theirs)


def _tree(repository: Repository, commit: str) -> str:
    return repository.git.run(repository.own, "rev-parse", "--verify", f"{commit}^{{tree}}").decode().strip()


def _heading(repository: Repository, commit: str) -> Commit:
    """The commit's author, time and message."""
    out = repository.git.run(repository.own, "show", "-s", "--encoding=UTF-8", _FORMAT, commit)
    name, email, moment, message = out.decode(errors="replace").split("\0")[:4]
    return Commit(name, email, float(moment), message, {})
