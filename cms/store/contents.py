"""What the commits of a repository hold: files, what differs between two, who made them so."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from cms.errors import Unavailable
from cms.store.git import Place, failed
from cms.store.repository import COMMITTER, Repository

AT_ONCE = 200
"""So many paths go on one command line."""

HISTORY_S = 600.0


class Entry(NamedTuple):
    """A file in a commit."""

    mode: str
    blob: str

    @property
    def is_plain(self) -> bool:
        return self.mode.startswith("100")

    @property
    def is_submodule(self) -> bool:
        """Whether `blob` names a commit of another repository."""
        return self.mode.startswith("16")


class Change(NamedTuple):
    """How a path differs between two commits; None where it is not there."""

    path: str
    old: Entry | None
    new: Entry | None


class Touch(NamedTuple):
    """What a commit made of a file, and whose it is: `blob` None when it deleted it, `time` in seconds since the epoch.
    `is_ours` says that it was made here, of what an editor wrote."""

    path: str
    author: str
    time: float
    blob: str | None
    is_ours: bool


def blob(repository: Repository, entry: Entry | None) -> bytes | None:
    """Return the bytes of a file in a commit, the target of a link; None for nothing and a submodule."""
    if entry is None or entry.is_submodule:
        return None
    return repository.git.run(repository.own, "cat-file", "blob", entry.blob)


def blobs(repository: Repository, files: Sequence[Entry]) -> dict[Entry, bytes]:
    """Return the bytes of several files, which are all in memory at once."""
    if not files:
        return {}
    given = "".join(f"{entry.blob}\n" for entry in files).encode()
    stream = io.BytesIO(repository.git.run(repository.own, "cat-file", "--batch", given=given))
    found: dict[Entry, bytes] = {}
    for entry in files:
        _, kind, size = stream.readline().split()
        if kind != b"blob":
            raise Unavailable(f"git cat-file: {entry.blob} is no file.", code="git")
        found[entry] = stream.read(int(size))
        stream.read(1)
    return found


def entries(repository: Repository, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """The files among `paths` that the commit has."""
    found: dict[str, Entry] = {}
    for part in in_parts(sorted(set(paths))):
        for line in split(repository.git.run(repository.own, "ls-tree", "-z", "--full-tree", commit, "--", *part)):
            facts, _, path = line.partition("\t")
            mode, kind, blob = facts.split()
            if kind != "tree":
                found[path] = Entry(mode, blob)
    return found


def changes(repository: Repository, old: str, new: str) -> list[Change]:
    """The paths that differ between two commits."""
    options = ("-r", "-z", "--no-renames", "--raw", "--no-abbrev")
    return list(_raw(split(repository.git.run(repository.own, "diff-tree", *options, old, new))))


def base(repository: Repository, one: str, other: str) -> str | None:
    """The commit that both began with, None when there is none."""
    return repository.git.attempt(repository.own, "merge-base", one, other).out.decode().strip() or None


def has(repository: Repository, commit: str, older: str) -> bool:
    """Whether `older` is the commit itself or one before it."""
    done = repository.git.attempt(repository.own, "merge-base", "--is-ancestor", older, commit)
    if done.status not in (0, 1):
        raise failed(["merge-base"], done)
    return done.status == 0


def touches(repository: Repository, *asked: str) -> Iterator[Touch]:
    """What commits did to files, the newest first; `asked` are commits, and paths after `--`."""
    options = ("--format=%x00%at%x00%ce%x00%an", "--raw", "--no-abbrev", "-z", "--no-renames")
    words = iter(split(repository.git.run(repository.own, "log", *options, *asked, timeout_s=HISTORY_S)))
    moment, committer, name = 0.0, "", ""
    for word in words:
        facts = word.lstrip("\n")
        if facts.startswith(":"):
            (change,) = _raw([facts, next(words)])
            yield Touch(change.path, name, moment, change.new and change.new.blob, committer == COMMITTER[1])
        elif facts:
            moment, committer, name = float(facts), next(words), next(words)


def ignored(repository: Repository, paths: Sequence[str]) -> set[str]:
    """Those that the site's own rules leave out of git."""
    # This command alone refuses to take paths literally; none that begins so has a meaning of its own.
    place = repository.with_index(repository.found.index)
    place = Place(place.folder, place.arguments, {**place.environment, "GIT_LITERAL_PATHSPECS": "0"})
    given = joined(f"./{path}" for path in paths)
    done = repository.git.attempt(place, "check-ignore", "-z", "--no-index", "--stdin", given=given)
    if done.status not in (0, 1):
        raise failed(["check-ignore"], done)
    return {path.removeprefix("./") for path in split(done.out)}


def text_paths(repository: Repository, paths: Sequence[str]) -> set[str]:
    """Return those of the paths whose files .gitattributes call text: git may keep them with other line ends."""
    if not paths:
        return set()
    place = repository.with_index(repository.found.index)
    words = split(repository.git.run(place, "check-attr", "--stdin", "-z", "text", "eol", given=joined(paths)))
    found = {(path, name): value for path, name, value in zip(words[::3], words[1::3], words[2::3], strict=True)}
    return {
        path
        for path in paths
        if found[path, "text"] in ("set", "auto")
        or (found[path, "text"] == "unspecified" and found[path, "eol"] in ("lf", "crlf"))
    }


def as_kept(repository: Repository, entry: Entry | None, data: bytes) -> bytes:
    """Return a text as git keeps it, which had the file as `entry` last: with LF, unless that has CRLF itself."""
    if b"\r\n" not in data or b"\0" in data or b"\r\n" in (blob(repository, entry) or b""):
        return data
    return data.replace(b"\r\n", b"\n")


def split(out: bytes) -> list[str]:
    """What git put NUL after; names need not be UTF-8."""
    return out.decode(errors="surrogateescape").split("\0")[:-1]


def joined(words: Iterable[str]) -> bytes:
    return b"".join(word.encode(errors="surrogateescape") + b"\0" for word in words)


def in_parts(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(paths), AT_ONCE):
        yield paths[start : start + AT_ONCE]


def _raw(words: Iterable[str]) -> Iterator[Change]:
    """Facts and path in turn, as `--raw -z` has them."""
    turns = iter(words)
    for facts in turns:
        old_mode, new_mode, old, new, _ = facts.removeprefix(":").split(" ")
        entries = [Entry(mode, blob) if mode.strip("0") else None for mode, blob in ((old_mode, old), (new_mode, new))]
        yield Change(next(turns), entries[0], entries[1])
