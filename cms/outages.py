"""Tells operators why something does not answer: the cause of an outage, which no answer to the public has, and its
lines in the log, one when it begins, one now and then while it lasts, one when it is over."""

from __future__ import annotations

import errno
import logging
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from cms.clock import machine_time

log = logging.getLogger("cms.outages")

QUIET_S = 10.0
"""An outage of some requests only is over when nothing has failed for so long."""
BELIEVED_S = 60.0
"""An outage that has not been met again for so long is not shown any more."""
CALM_S = 30.0
"""The same outage is logged once in this time, however often it begins and ends."""
AGAIN_S = 300.0
"""An outage that lasts is logged again after this time."""

_ERRNO_ADVICE = {
    errno.ENOSPC: "Make room on its disk.",
    errno.EDQUOT: "Raise the quota of the service's user, or make room.",
    errno.EROFS: "Mount its file system for writing; after errors of the disk, check the disk first.",
    errno.EIO: "Check the disk, or the mount, that it lies on.",
    errno.EACCES: "Give the service's user the right to read and write there.",
    errno.EPERM: "Give the service's user the right to read and write there.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.ENFILE: "Raise the machine's limit of open files (fs.file-max).",
    errno.ENOMEM: "Give the service more memory.",
    errno.ENOENT: "Mount the disk that it lies on, or correct the path.",
    errno.ESTALE: "Mount the network file system again.",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something does not answer, for operators alone: no secrets, and nothing of what is stored.

    `place` is what does not answer: an endpoint and bucket, a database, a path. `said` is the other side's own code and
    words, the same whenever the same happens; `advice` what to do about it. When it `is_whole`, nothing there answers,
    so that any answer ends the outage.
    """

    place: str
    said: str
    advice: str
    is_whole: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.said}. {self.advice}"


def of_errno(error: OSError, path: str | Path) -> Cause:
    """Return the cause behind an error of the operating system at the path."""
    name = errno.errorcode.get(error.errno or 0, type(error).__name__)
    advice = _ERRNO_ADVICE.get(error.errno or 0, "Look at the machine's own log.")
    return Cause(str(path), f"{name} ({error.strerror})" if error.strerror else name, advice)


@dataclass(slots=True)
class Outage:
    """`code` is that of the error that is answered; `since` is in seconds since the epoch, `last` the last failure on
    the monotonic clock."""

    cause: Cause
    code: str
    since: float
    last: float
    is_logged: bool
    failures: int = 0


class Outages:
    """The outages that this process has met."""

    def __init__(self) -> None:
        self._outages: dict[tuple[str, str], Outage] = {}
        self._logged: dict[tuple[str, str], float] = {}
        self._lock = threading.Lock()

    def note(self, cause: Cause, code: str) -> None:
        """Something has failed for this cause, and is answered with this code."""
        key, now = (cause.place, cause.said), time.monotonic()
        with self._lock:
            if key not in self._outages:
                self._outages[key] = Outage(cause, code, machine_time(), now, is_logged=False)
                self._logged = {known: at for known, at in self._logged.items() if now - at < AGAIN_S}
            outage = self._outages[key]
            outage.last = now
            outage.failures += 1
            is_due = now - self._logged.get(key, -AGAIN_S) >= (AGAIN_S if outage.is_logged else CALM_S)
            if is_due:
                outage.is_logged, self._logged[key] = True, now
        if is_due:
            log.error("%s", cause if outage.failures == 1 else f"{cause} ({outage.failures} failures so far)")

    def are_any(self) -> bool:
        return bool(self._outages)

    def answered(self, place: str, *, is_sure: bool = False) -> None:
        """Something there has worked; when it `is_sure`, all of it does."""
        now, over = time.monotonic(), []
        with self._lock:
            for key, outage in list(self._outages.items()):
                quiet_s = now - outage.last
                is_over = key[0] == place and (is_sure or outage.cause.is_whole or quiet_s >= QUIET_S)
                if is_over or quiet_s >= BELIEVED_S:
                    over.append(self._outages.pop(key))
        for outage in over:
            if outage.is_logged:
                began, number = time.strftime("%FT%TZ", time.gmtime(outage.since)), outage.failures
                log.warning("over: %s: %s (%d failures since %s)", outage.cause.place, outage.cause.said, number, began)

    def current(self, place: str) -> Outage | None:
        """Return the outage there, or below that folder, that was met last; None when there is none."""
        earliest = time.monotonic() - BELIEVED_S
        with self._lock:
            known = [one for one in self._outages.values() if one.last >= earliest]
        here = [one for one in known if one.cause.place == place or one.cause.place.startswith(f"{place}/")]
        return max(here, key=lambda one: one.last, default=None)


outages = Outages()
"""Of this process, which has one connection to each place, whatever it does there."""
