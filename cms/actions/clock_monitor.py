"""Looks after clocks in the background: says in the log that one was set, and keeps an alert of rows that lie ahead,
which were written while a clock was."""

from __future__ import annotations

import logging

from sqlalchemy import Connection

from cms.actions import clock_steps
from cms.actions.clock_steps import STEPPED
from cms.actions.notices import tell
from cms.context import Context
from cms.database import changes, clock, webhooks
from cms.database.engine import read, write
from cms.model.moments import STEP_S
from cms.model.published import timestamp

log = logging.getLogger("cms.clock")


class ClockMonitor:
    """Remembers from one look to the next what was said."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._said: set[str] = set()

    def run(self) -> None:
        """One look. With anything new, webhooks that fail are tried at once: how long they have waited is not known."""
        with read(self._ctx.database) as tx:
            of_rows = _of_rows(tx, clock.now(tx))
        tell(self._ctx, STEPPED, of_rows)
        seen = {alert.detail for alert in clock_steps.alerts(self._ctx)}
        for detail in seen - self._said:
            log.error(detail)
        said = seen if of_rows is None else {*seen, of_rows}
        if said - self._said:
            with write(self._ctx.database) as tx:
                webhooks.try_anew(tx)
        self._said = said


def _of_rows(tx: Connection, now: float) -> str | None:
    noted = [moment for row in webhooks.all_of(tx) for moment in (row.told_at, row.failing_since or 0.0)]
    latest = max([changes.last_logged(tx), *noted])
    if latest <= now + STEP_S:
        return None
    return f"The clock is behind the last thing that it has dated, {timestamp(latest)}: it is wrong, or was then."
