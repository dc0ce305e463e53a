"""What can go wrong, in words of the domain.

Each error carries data, not only text; `api/problems.py` holds the one table that turns a class into a status.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cms.outages import Cause, of_errno, outages

BUSY = "busy"
"""The code of `Unavailable` when others hold what is wanted."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input: where (a JSON Pointer), what to do about it, and a stable code."""

    pointer: str
    detail: str
    code: str


class CmsError(Exception):
    """Base of all; `detail` is safe to show to a client and says what to do next."""

    code = "error"

    def __init__(self, detail: str, *, code: str | None = None, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.problems = tuple(problems)

    @property
    def for_operators(self) -> str:
        """The detail, with what only operators may know."""
        return self.detail


class Malformed(CmsError):
    """The input cannot be read at all."""

    code = "malformed"


class Invalid(CmsError):
    """The input was read, and cannot be accepted; `problems` lists every reason."""

    code = "invalid"


class NotAuthenticated(CmsError):
    """The credentials are missing or not valid."""

    code = "not_authenticated"


class Forbidden(CmsError):
    """The token lacks the scope this needs."""

    code = "forbidden"


class NotFound(CmsError):
    """There is no such thing, or the caller may not know of it."""

    code = "not_found"


class Exists(CmsError):
    """Something with that name is there already."""

    code = "exists"


class NotReady(CmsError):
    """Something has to happen first, or is happening just now; then ask again in `retry_after_s` seconds."""

    code = "not_ready"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class NotOffered(CmsError):
    """This service, as it is set up, does not do that."""

    code = "not_offered"


class InUse(CmsError):
    """It cannot be removed while `used_by` needs it."""

    code = "in_use"

    def __init__(self, detail: str, *, used_by: Sequence[str]) -> None:
        super().__init__(detail)
        self.used_by = tuple(used_by)


@dataclass(frozen=True, slots=True)
class ReferencePlace:
    """A reference to an article: the article that has it, the path of its file, and a JSON Pointer into it."""

    article: str
    path: str
    pointer: str


class Referenced(InUse):
    """Other articles refer to it: `total` of them, of which `used_by` and `places` name those that may be known."""

    code = "referenced"

    def __init__(self, detail: str, *, used_by: Sequence[str], places: Sequence[ReferencePlace], total: int) -> None:
        super().__init__(detail, used_by=used_by)
        self.places = tuple(places)
        self.total = total


class Stale(CmsError):
    """Compare-and-set lost: there is something else than expected. `current` is its version, None when absent.

    `changed` names the places (JSON Pointers) at which it differs from what was expected, None when nobody knows.
    """

    code = "stale"
    changed: tuple[str, ...] | None = None

    def __init__(self, detail: str, *, code: str | None = None, current: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.current = current


class VersionRequired(CmsError):
    """A change must name the version it starts from."""

    code = "version_required"


class Gone(CmsError):
    """It was there and is not any more; start again."""

    code = "gone"


class Moved(Gone):
    """It has another name now, `moved_to`."""

    code = "moved"

    def __init__(self, detail: str, *, moved_to: str) -> None:
        super().__init__(detail)
        self.moved_to = moved_to


class TooLarge(CmsError):
    """A limit on size was passed."""

    code = "too_large"


class UnsupportedType(CmsError):
    """The content is of a kind that is not accepted here."""

    code = "unsupported_type"


class TooMany(CmsError):
    """It was done too often; the next time is allowed in `retry_after_s` seconds."""

    code = "too_many"

    def __init__(self, detail: str, *, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(CmsError):
    """Something this needs does not answer now; try again in `retry_after_s` seconds. `cause` says why, to operators
    alone, where it is known."""

    code = "unavailable"

    def __init__(
        self, detail: str, *, code: str | None = None, retry_after_s: int = 5, cause: Cause | None = None
    ) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s
        self.cause = cause

    @property
    def for_operators(self) -> str:
        return self.detail if self.cause is None else f"{self.detail} {self.cause}"

    def note(self) -> bool:
        """Have its cause told as an outage; False when it has none, and is still to be logged."""
        if self.cause is not None:
            outages.note(self.cause, self.code)
        return self.cause is not None


class Full(Unavailable):
    """There is no room left for it; what removes something still works."""

    code = "storage_full"


READ_ONLY = "storage_read_only"
READ_ONLY_S = 5
"""The code of `Unavailable` where nothing can be written, and how soon it is looked again whether that is over."""


DATABASE_LOST = "database_lost"


def database_lost(cause: Cause | None = None) -> Unavailable:
    """The database that the site has had is not there any more, or is none."""
    detail = (
        "The database is lost, and nothing can be saved. Stop the service; `cms restore FILE` brings the database back,"
        " `cms fresh-start` begins a new one from the files, without history, tokens and working copies."
    )
    return Unavailable(detail, code=DATABASE_LOST, retry_after_s=60, cause=cause)


OF_THE_MACHINE = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE, errno.ENFILE, errno.ENOMEM,
)  # fmt: skip
"""The numbers of errors that no request is to blame for."""


def of_system(error: OSError, place: str, path: str | Path) -> Unavailable:
    """Return the error that the operating system's refusal means; `place` is where, as in "the site's folder", and the
    `path` is for operators."""
    cause = of_errno(error, path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Full(f"{place} is full; nothing was saved. Make room on it.", retry_after_s=60, cause=cause)
    if error.errno == errno.EROFS:
        detail = f"{place} is read-only just now; reading works."
        return Unavailable(detail, code=READ_ONLY, retry_after_s=READ_ONLY_S, cause=cause)
    return Unavailable(f"{place} does not answer: {error.strerror}.", code="storage", cause=cause)
