"""Notes when tokens were last used, to the hour: in the background, so that no request waits for it."""

from __future__ import annotations

import logging
import threading
import time

from cms.context import Context
from cms.database import clock, tokens
from cms.database.engine import write
from cms.errors import CmsError

log = logging.getLogger("cms.tokens")

NAME = "last_used"
"""Under which it stands among the application's extensions."""
EVERY_S = 3600.0
"""Every write to the database has all processes forget the answers that they keep; this is seldom enough."""
DELAY_S = 1.0


class LastUsed:
    """Gathers what is used, and writes it down a moment later, at most once in `EVERY_S` for each token."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._noted: dict[str, float] = {}
        self._pending: set[str] = set()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def note(self, token_id: str) -> None:
        """The token is being used."""
        now = time.monotonic()
        with self._lock:
            if now - self._noted.get(token_id, -EVERY_S) < EVERY_S:
                return
            self._noted[token_id] = now
            self._pending.add(token_id)
            if self._timer is None:
                self._timer = threading.Timer(DELAY_S, self._write)
                self._timer.daemon = True
                self._timer.start()

    def _write(self) -> None:
        with self._lock:
            used, self._pending, self._timer = sorted(self._pending), set(), None
        try:
            with write(self._ctx.database) as tx:
                tokens.set_used(tx, used, clock.now(tx), EVERY_S)
        except CmsError as error:
            log.warning("when tokens were used is not noted: %s", error.detail)
            with self._lock:  # the next use tries again
                for token_id in used:
                    self._noted.pop(token_id, None)
