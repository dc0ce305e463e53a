"""Whether a folder can be written just now.

After the disk has failed once, nothing more is written to it until a probe, a file of its own, has got through: what
the system could not flush it may forget, and a second flush of the same file would then say that all is well.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cms.clock import machine_time
from cms.errors import READ_ONLY, READ_ONLY_S, Full, Unavailable, of_system
from cms.outages import outages
from cms.store.base import Trouble

PLACE = "The site's folder"
_PROBE_BYTES = 4096


class FlushFailed(OSError):
    """What was written may be on the disk, or not, whatever later flushes say."""


def flush(descriptor: int) -> None:
    """Have the file, or the folder, on the disk; `FlushFailed` when the system cannot say so."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        raise FlushFailed(error.errno, error.strerror) from error


class Condition:
    """What was found out about the folder `root`; probes are `READ_ONLY_S` apart."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.place = str(root)
        self._trouble: Trouble | None = None
        self._probed = 0.0
        self._probing = threading.Lock()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Holds for a block that writes: it is refused, as `Unavailable`, where writing failed; `Full` without room."""
        trouble = self.trouble()
        if trouble is not None and trouble.code == READ_ONLY:
            raise Unavailable(trouble.detail, code=READ_ONLY, retry_after_s=READ_ONLY_S, cause=trouble.cause)
        try:
            yield
        except OSError as error:
            raise self._noted(error) from error
        self.note_success()

    def trouble(self) -> Trouble | None:
        """Why nothing can be written, None when it can, as far as is known; looks again when it is time to."""
        if self._trouble is not None and self._probing.acquire(blocking=False):
            try:
                if time.monotonic() - self._probed >= READ_ONLY_S:
                    self._probe()
            finally:
                self._probing.release()
        return self._trouble

    def _noted(self, error: OSError) -> Unavailable:
        refusal = of_system(error, PLACE, self._root)
        is_broken = isinstance(error, FlushFailed) or error.errno in (errno.EIO, errno.EROFS)
        if is_broken and not isinstance(refusal, Full):
            detail = f"{PLACE} failed ({error.strerror}) and is read-only until it can be written again; reading works."
            refusal = Unavailable(detail, code=READ_ONLY, retry_after_s=READ_ONLY_S, cause=refusal.cause)
        if is_broken or isinstance(refusal, Full):
            self._probed = time.monotonic()
            if self._trouble is None or self._trouble.code != refusal.code:
                self._trouble = Trouble(refusal.code, refusal.detail, machine_time(), refusal.cause)
        return refusal

    def _probe(self) -> None:
        self._probed = time.monotonic()
        try:
            with tempfile.TemporaryFile(dir=self._root) as probe:
                probe.write(bytes(_PROBE_BYTES))
                probe.flush()
                os.fsync(probe.fileno())
        except OSError:
            return
        outages.answered(self.place, is_sure=True)
        self._trouble = None

    def note_success(self) -> None:
        """Something in the folder was read or written."""
        if outages.are_any():
            outages.answered(self.place)
