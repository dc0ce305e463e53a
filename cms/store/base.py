"""What a store of bytes is: keys, versions, and the one compare-and-set write.

Nothing here knows what the bytes mean. Every backend passes the same suite, `tests/store/test_store_contract.py`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, NewType, Protocol

from cms.errors import Invalid, Problem, Unavailable
from cms.outages import Cause, outages

Key = NewType("Key", str)
"""The path of a file below the store's root, with `/` between its segments."""

Version = NewType("Version", str)
"""The SHA-256 of a file's bytes in hex, the same on every store."""


class Part(NamedTuple):
    """Bytes of a file, from `start` and before `stop`; at least one."""

    start: int
    stop: int


class Trouble(NamedTuple):
    """A failure of the store that lasts: its code and detail as an error has them, and the time it began, in seconds
    since the epoch."""

    code: str
    detail: str
    since: float
    cause: Cause | None = None

    @property
    def for_operators(self) -> str:
        return self.detail if self.cause is None else f"{self.detail} {self.cause}"


def trouble_at(place: str) -> Trouble | None:
    """Return what this process has met there lately, None for nothing."""
    outage = outages.current(place)
    if outage is None:
        return None
    return Trouble(outage.code, "A store does not answer as it should.", outage.since, outage.cause)


class Leftover(NamedTuple):
    """A temporary file in a folder; `changed` as in a `Stat`. `key` is the file that it is for, None when its name
    does not say so."""

    folder: str
    name: str
    changed: float
    key: Key | None


class Absent(Enum):
    """What `write` expects when it creates."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


class Stat(NamedTuple):
    """What a store knows of a file without reading it.

    `mark` is opaque and differs when the bytes may differ. `modified` is when they were written, `changed` when the
    file was last touched in any way as the store itself saw it; both in seconds since the epoch.
    """

    key: Key
    size: int
    mark: str
    modified: float
    changed: float


class Store(Protocol):
    """Bytes by key. Every method raises `Unavailable` when the storage does not answer.

    Where it `may_be_late`, a write or a deletion can take effect after its caller has given up, or died.
    """

    may_be_late: bool

    def read(self, key: Key) -> bytes | None:
        """The file's bytes, None when there is no such regular file."""
        ...

    def open(self, key: Key, part: Part | None = None) -> BinaryIO | None:
        """The file's bytes as a stream that the caller closes, None when there is no such regular file.

        With `part`, which has to lie within the file, the stream begins there, and may go on after it.
        """
        ...

    def stat(self, key: Key) -> Stat | None:
        """What is known of the file, None when there is no such regular file."""
        ...

    def is_of(self, stat: Stat, data: bytes) -> bool:
        """False when the bytes seem to be others than those that the stat tells of."""
        ...

    def stats(self, keys: Iterable[Key]) -> Iterator[Stat]:
        """As `stat` of each, of those that are there. Quickest where files of one folder follow each other."""
        ...

    def reads(self, keys: Iterable[Key]) -> Iterator[bytes | Unavailable | None]:
        """As `read` of each; what it raises is given. Quickest where files of one folder follow each other."""
        ...

    def version(self, key: Key) -> Version | None:
        """The version of the file, None when there is no such regular file."""
        ...

    def list(self, prefix: str) -> Iterator[Stat]:
        """Each regular file below the folder `prefix` once, in no order.

        Left out are symbolic links, what is hidden below `prefix`, and files whose names cannot be keys.
        """
        ...

    def list_in_order(self, prefix: str, after: str) -> Iterator[Stat] | None:
        """As `list`, by the code points of the keys, of those after `after`; None where they do not come so."""
        ...

    def write(self, key: Key, data: bytes | Path, *, expect: Version | Absent) -> Version:
        """Durably replace what `expect` names by `data`, bytes or a file's, all or nothing.

        `Stale` when something else is there.
        """
        ...

    def delete(self, key: Key, *, expect: Version) -> None:
        """Remove the file; `Stale` when it holds something else or is not there."""
        ...

    def was_repeated(self, key: Key) -> bool:
        """Whether the last write or deletion of the key was sent more than once, for want of an answer; told once, to
        whoever did it."""
        ...

    def is_public(self) -> bool:
        """Whether somebody without credentials can read what lies here."""
        ...

    def presign(self, key: Key, *, size: int, content_type: str, expires_s: int) -> str | None:
        """A URL to which anybody who has it may PUT just that many bytes of that type, for so many seconds.

        None where bytes come in by this service alone, or where the public could read what comes in.
        """
        ...

    def trouble(self) -> Trouble | None:
        """Return what does not work here, such as writing; None when all does, as far as this process knows."""
        ...

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        """The temporary files below the folder, those of writers at work too."""
        ...

    def settle(self, leftover: Leftover) -> None:
        """Finish or undo what a writer that was killed has left half done; nobody writes the key meanwhile."""
        ...

    def unseen(self, prefix: str) -> Iterator[Key]:
        """The files below the folder of which the store cannot tell whether a program has them open for writing."""
        ...

    def is_settled(self) -> bool:
        """False while somebody is known to be in the middle of changing many files."""
        ...


_ORDINARY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")


def version_of(data: bytes | Path | BinaryIO) -> Version:
    if isinstance(data, bytes):
        return Version(hashlib.sha256(data).hexdigest())
    if isinstance(data, Path):
        with data.open("rb") as stream:
            return version_of(stream)
    return Version(hashlib.file_digest(data, "sha256").hexdigest())  # type: ignore[arg-type]  # binary streams have it


def is_key(name: str) -> bool:
    """Whether it is a plain relative path that every store can hold."""
    if len(name) <= 255 and _ORDINARY.fullmatch(name):
        return True
    try:
        sizes = [len(part.encode()) for part in name.split("/")]
    except UnicodeEncodeError:  # a file's name need not be UTF-8
        return False
    plain = all(part not in ("", ".", "..") for part in name.split("/"))
    short = max(sizes) <= 255 and sum(sizes) + len(sizes) - 1 <= 1000
    return plain and short and "\0" not in name and "\\" not in name


def check_key(key: str) -> Key:
    """Refuse what is not a plain relative path; no store ever sees such a key."""
    if not is_key(key):
        problem = Problem("", f"{key!r} is not a path below the site", "key")
        raise Invalid("That is not a path below the site.", code="key", problems=[problem])
    return Key(key)


def check_writable(key: str) -> Key:
    """As `check_key`; hidden files and folders are not content and are never written."""
    checked = check_key(key)
    if any(part.startswith(".") for part in key.split("/")):
        problem = Problem("", "names that begin with a dot are reserved", "key")
        raise Invalid("Names that begin with a dot are reserved.", code="key", problems=[problem])
    return checked
