"""Makes commits: of files, and of two branches.

Neither index nor work tree takes part, so that no lock that a killed git has left, and nothing that somebody has half
staged, is in the way. The site's branch stays where it is until somebody moves it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from cms.clock import machine_time
from cms.store import contents
from cms.store.contents import Entry, split
from cms.store.git import failed
from cms.store.repository import COMMITTER, Repository

_BRANCH = "refs/heads/cms"


@dataclass(frozen=True, slots=True)
class Commit:
    """One to be made: `files` are bytes by path, None for what goes; `time` in seconds since the epoch."""

    name: str
    email: str
    time: float
    message: str
    files: Mapping[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Merged:
    """The commit in which both sides are; of the paths in `conflicts` it has our side. `base` is what both began with,
    None when nothing is."""

    commit: str
    base: str | None
    conflicts: tuple[str, ...] = ()


def make(repository: Repository, parent: str, commits: Sequence[Commit]) -> str:
    """The last of the commits, which follow `parent` one after the other."""
    there = contents.entries(repository, parent, [path for commit in commits for path in commit.files])
    with tempfile.TemporaryFile() as stream:
        for number, commit in enumerate(commits):
            stream.write(_heading(commit, () if number else (parent,)))
            for path, data in commit.files.items():
                if data is None:
                    stream.write(b"D %s\n" % _quoted(path))
                    continue
                mode = there[path].mode if path in there and there[path].is_plain else "100644"
                stream.write(b"M %s inline %s\ndata %d\n" % (mode.encode(), _quoted(path), len(data)))
                stream.write(data + b"\n")
        return _imported(repository, stream)


def merge(repository: Repository, ours: str, theirs: str) -> Merged:
    """Both sides in one commit, with our side alone where the two cannot be had together."""
    base = contents.base(repository, ours, theirs)
    if base == ours:
        return Merged(theirs, base)
    tree, conflicts = merge_trees(repository, ours, theirs)
    kept = contents.entries(repository, ours, conflicts)
    heading = Commit(*COMMITTER, machine_time(), "Merge the developers' commits", {})
    made = commit_tree(repository, heading, tree, (ours, theirs), {path: kept.get(path) for path in conflicts})
    return Merged(made, base, tuple(conflicts))


def merge_trees(repository: Repository, ours: str, theirs: str) -> tuple[str, list[str]]:
    """Return the tree in which both commits are, and the paths in conflict."""
    options = ("--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories")
    done = repository.git.attempt(repository.own, "merge-tree", *options, ours, theirs)
    if done.status not in (0, 1):
        raise failed(["merge-tree"], done)
    tree, *conflicts = split(done.out)
    return tree, conflicts


def commit_tree(
    repository: Repository, heading: Commit, tree: str, parents: Sequence[str], placed: Mapping[str, Entry | None]
) -> str:
    """Return the commit of the tree, with these entries `placed` in it (None: without that path)."""
    with tempfile.TemporaryFile() as stream:
        stream.write(_heading(heading, parents))
        stream.write(b'M 040000 %s ""\n' % tree.encode())
        for path, entry in placed.items():
            stream.write(_placed(path, entry))
        return _imported(repository, stream)


def _heading(commit: Commit, parents: Sequence[str]) -> bytes:
    text = commit.message.encode(errors="replace")
    lines = [
        f"commit {_BRANCH}",
        f"author {_plain(commit.name)} <{_plain(commit.email)}> {int(commit.time)} +0000",
        f"committer {COMMITTER[0]} <{COMMITTER[1]}> {int(machine_time())} +0000",
        f"data {len(text)}",
    ]
    origin = "".join(f"{word} {parent}\n" for word, parent in zip(("from", "merge"), parents, strict=False))
    return "\n".join(lines).encode() + b"\n" + text + b"\n" + origin.encode()


def _placed(path: str, entry: Entry | None) -> bytes:
    if entry is None:
        return b"D %s\n" % _quoted(path)
    return b"M %s %s %s\n" % (entry.mode.encode(), entry.blob.encode(), _quoted(path))


def _imported(repository: Repository, stream: BinaryIO) -> str:
    stream.write(b"\ndone\n")
    stream.seek(0)
    # Whatever the branch of ours held before is of no interest any more.
    repository.git.run(repository.own, "fast-import", "--quiet", "--force", "--done", given=stream)
    return repository.git.run(repository.own, "rev-parse", _BRANCH).decode().strip()


def _quoted(path: str) -> bytes:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return b'"%s"' % escaped.encode(errors="surrogateescape")


def _plain(name: str) -> str:
    """A name as git can hold it: on one line, without the brackets that enclose an address."""
    kept = "".join(c if c.isprintable() and c not in "<>" else " " for c in name)
    return " ".join(kept.encode(errors="replace").decode().split()) or "cms"
