"""Looks again at files that have lost their place to a save while nobody can tell whether a program is writing them.

The kernel tells a file's own user, and who has CAP_LEASE, that a program has it open. For others the old file stays
under a temporary name for a while (`swap.py`), and what is written to it in that time is kept beside the new one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from cms.store.swap import UNSEEN_S

log = logging.getLogger("cms.store")

EVERY_S = 0.5

Settle = Callable[[str, str], bool]
"""Looks at the temporary file of this folder and name; False while it has to stay."""


class Displaced:
    """The files that this process has left so. Those of one that was killed are looked at with its other leftovers."""

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._left: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        self._is_running = self._is_told = False

    def watch(self, folder: str, name: str) -> None:
        """Look at the file until it is settled."""
        with self._lock:
            self._left.append((folder, name))
            starts, self._is_running = not self._is_running, True
            tells, self._is_told = not self._is_told, True
        if tells:
            log.warning(
                "the service cannot see other users' programs that have a file open (first in %s): what they write to"
                " the old file within %g s of a save is kept beside it, as ….kept-…",
                folder,
                UNSEEN_S,
            )
        if starts:
            threading.Thread(target=self._run, name="displaced", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(EVERY_S)
            with self._lock:
                looked_at = list(self._left)
            left = [one for one in looked_at if not self._is_settled(*one)]
            with self._lock:
                self._left = left + self._left[len(looked_at) :]
                self._is_running = bool(self._left)
                if not self._is_running:
                    return

    def _is_settled(self, folder: str, name: str) -> bool:
        try:
            return self._settle(folder, name)
        except OSError as error:
            log.warning("%s in %s is left for later: %s", name, folder, error.strerror)
            return True
