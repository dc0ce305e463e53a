"""Looks whether the derived tables are as they were made, and makes them again when they are not.

Whether they are there, and count alike, is seen with every look; whether each row says what it was made of, now and
then, for all of them have to be read.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from cms.actions.start import rebuild
from cms.actions.verify import wrong_row
from cms.context import Context
from cms.database import collections, damage, file
from cms.database.derived import derived
from cms.database.engine import read
from cms.database.refusals import REBUILDING, lost, translated
from cms.database.tables import kept
from cms.errors import Unavailable

log = logging.getLogger("cms.index")

ROWS_EVERY_S = 5.0
SHARE = 0.02
"""To read all rows takes this share of the time at most."""
APART_S = 600.0
"""Rows that are wrong again sooner after they were made are ours to mend: to make them again and again helps nobody."""


@dataclass(slots=True)
class Examiner:
    """Remembers from one look to the next when all rows are due, and what was in vain."""

    ctx: Context
    _rows_due: float = 0.0
    _mended: float = -APART_S
    _is_foreign_told: bool = False

    def run(self) -> None:
        """One look, and what it calls for; `Unavailable` when the database does not answer, or others make the tables
        just now."""
        found = self.find()
        if found is None:
            return
        log.error("%s; what is made from the files is made again", found)
        started = time.monotonic()
        rebuild(self.ctx)
        log.warning("what is made from the files was made again in %.1f s", time.monotonic() - started)

    def find(self) -> str | None:
        """What is not as it was made, in words; None when nothing is known."""
        return self._missing() or self._different() or self._wrong()

    def _missing(self) -> str | None:
        with translated(self.ctx.database):
            if file.gone_since(self.ctx.database) is not None or damage.unreadable(self.ctx.database, kept):
                raise lost(self.ctx.database)
            names = damage.unreadable(self.ctx.database, derived)
        return f"{', '.join(names)} cannot be read" if names else None

    def _different(self) -> str | None:
        with read(self.ctx.database) as tx:
            stamp = collections.built_stamp(tx)
            is_miscounted = damage.is_miscounted(tx)
        if stamp is None:
            return "the derived tables are not whole"
        if stamp != self.ctx.stamp and not self._is_foreign_told:
            # Should it come back, then another process has other settings, and both could go on for ever.
            self._is_foreign_told = True
            return "the derived tables were made with other settings"
        return "articles were lost or added" if is_miscounted else None

    def _wrong(self) -> str | None:
        started = time.monotonic()
        if started < self._rows_due:
            return None
        found = self._wrong_row()
        took = time.monotonic() - started
        self._rows_due = started + took + max(ROWS_EVERY_S, took / SHARE)
        if found is None:
            return None
        if started - self._mended < APART_S:
            log.error("%s is wrong again, which is a fault of this service: please report it", found)
            return None
        self._mended = started
        return f"{found} is not as it was made"

    def _wrong_row(self) -> str | None:
        try:
            return wrong_row(self.ctx)
        except Unavailable as error:
            if error.code != REBUILDING:
                raise
            return "what cannot be read"
