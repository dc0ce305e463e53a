"""Files that an editor and a developer changed both, so that git cannot merge them.

The site keeps the editor's; what the developer made of it is kept beside it, until somebody decides: by the next save
of the article, by saying that it stays, or by a commit in which both are merged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection

from cms.context import Context
from cms.database import changes, clock, conflicts, git
from cms.database.engine import read, write
from cms.errors import NotFound
from cms.model.scopes import Actor
from cms.store import contents
from cms.store.commit import Merged
from cms.store.repository import Head, Repository

Sides = tuple[bytes | None, bytes | None, bytes | None]
"""The file as both began with it, as the site has it, and as the developer made it; None where it is not there."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """`path` below the top of the repository, `key` below the site (None outside of it)."""

    path: str
    key: str | None
    author: str
    commit_id: str
    base: bytes | None
    ours: bytes | None
    theirs: bytes | None


def of_merge(repository: Repository, head: Head, theirs: str, merged: Merged) -> list[Conflict]:
    """What the merge could not have both."""
    paths = list(merged.conflicts)
    base = contents.entries(repository, merged.base, paths) if merged.base else {}
    ours, other = contents.entries(repository, head.commit, paths), contents.entries(repository, theirs, paths)
    return [
        of_file(
            repository, theirs, path, (*(contents.blob(repository, side.get(path)) for side in (base, ours, other)),)
        )
        for path in paths
        if ours.get(path) != other.get(path)
    ]


def of_file(repository: Repository, commit: str, path: str, sides: Sequence[bytes | None]) -> Conflict:
    touch = next(contents.touches(repository, commit, "--", path), None)
    key = path.removeprefix(repository.prefix) if path.startswith(repository.prefix) else None
    base, ours, theirs = sides
    return Conflict(path, key, touch.author if touch else "", commit, base, ours, theirs)


def note(tx: Connection, found: Iterable[Conflict]) -> None:
    _, seq = changes.position(tx)
    for one in found:
        conflicts.put(tx, seq=seq, time=clock.now(tx), **asdict(one))


def decided_by(ctx: Context, repository: Repository, theirs: str, merged: Merged) -> list[str]:
    """The paths about which the developers' commits leave nothing to decide."""
    with read(ctx.database) as tx:
        paths = [row.path for row in conflicts.all_of(tx)]
    if merged.commit == theirs:
        return paths  # they have merged our side, and this is what they made of it
    ours, other = contents.entries(repository, merged.commit, paths), contents.entries(repository, theirs, paths)
    return [path for path in paths if ours.get(path) == other.get(path)]


def decided_by_saving(tx: Connection, saved: Iterable[tuple[str, int]]) -> list[str]:
    """Of paths and the changes that saved them, those that were in conflict by then."""
    seqs = {row.path: row.seq for row in conflicts.all_of(tx)}
    return [path for path, seq in saved if path in seqs and seqs[path] < seq]


def forget(tx: Connection, paths: Iterable[str]) -> None:
    for path in paths:
        conflicts.remove(tx, path)


def unreal(ctx: Context, repository: Repository, commit: str) -> list[str]:
    """The paths of those that came up in a merge which the commit does not hold: it was never made."""
    with read(ctx.database) as tx:
        rows = conflicts.all_of(tx)
    return [row.path for row in rows if not contents.has(repository, commit, row.commit_id)]


def keep_ours(ctx: Context, actor: Actor, path: str) -> None:
    """The file stays as the site has it, and can be pushed; `NotFound` when it is in no conflict."""
    actor.require("articles:publish")
    with write(ctx.database) as tx:
        if not conflicts.remove(tx, path):
            raise NotFound("There is no such conflict.")
        git.ask_for_pull(tx)
