"""Work that one of many nodes does for all of them: whoever holds its lease, and another once that has run out.

With SQLite there is one machine, and nothing to be claimed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from sqlalchemy import Engine, select, text, update

from cms.database import clock
from cms.database.engine import read, write_aside
from cms.database.tables import leases
from cms.model.moments import STEP_S, not_beyond

MOST_S = 6 * 3600.0
"""No lease is longer, whatever a row says that was written while the clock was ahead."""

_TAKE = text(
    "INSERT INTO leases (name, holder, until) VALUES (:name, :holder, :until) ON CONFLICT (name) DO UPDATE"
    " SET holder = excluded.holder, until = excluded.until"
    " WHERE leases.holder = excluded.holder OR leases.until < :now OR leases.until > :most"
)


@dataclass(frozen=True, slots=True)
class Lease:
    """One process's hold on work of that name."""

    engine: Engine
    name: str
    _holder: str = field(default_factory=lambda: secrets.token_hex(8))

    def claim(self, lease_s: float) -> bool:
        """Whether the work is this process's from now on, for so long or for `MOST_S`; it may be claimed again and
        again."""
        lease_s = min(lease_s, MOST_S)
        if self.engine.dialect.name == "sqlite":
            return True
        with read(self.engine) as tx:
            row = tx.execute(select(leases).where(leases.c.name == self.name)).one_or_none()
            now = clock.now(tx)
            if row is not None and row.holder != self._holder and not_beyond(row.until, now, MOST_S) > now:
                return False  # most look in vain, and write nothing
        with write_aside(self.engine) as tx:
            now = clock.now(tx)
            moments = {"until": now + lease_s, "now": now, "most": now + MOST_S + STEP_S}
            return tx.execute(_TAKE, {"name": self.name, "holder": self._holder, **moments}).rowcount == 1

    def release(self) -> None:
        """Another may have it at once."""
        if self.engine.dialect.name != "sqlite":
            with write_aside(self.engine) as tx:
                own = leases.c.name == self.name, leases.c.holder == self._holder
                tx.execute(update(leases).where(*own).values(until=0))
