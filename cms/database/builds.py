"""Up to which change the public sees what was published, and since when: as those say who build and deploy.

The rows are a stair: a report takes away all that lies above it, for an older build has taken the place of a newer one.
"""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from cms.database import changes
from cms.database.prepared import Prepared
from cms.database.tables import AnyRow, builds
from cms.database.tables import changes as log_rows

# What is silent needs no build of its own.
_NEEDED = select(func.max(log_rows.c.seq)).where(log_rows.c.seq <= bindparam("seq"), changes.noticed())
_LIVE = Prepared(select(builds.c.time).where(builds.c.seq >= _NEEDED.scalar_subquery()).order_by(builds.c.seq).limit(1))


def put(tx: Connection, seq: int, moment: float) -> AnyRow:
    """What was published up to `seq` is live, at the latest since `moment`, and nothing later is."""
    tx.execute(delete(builds).where(builds.c.seq > seq))
    known = tx.execute(select(builds).where(builds.c.seq == seq)).one_or_none()
    if known is None:
        tx.execute(insert(builds).values(seq=seq, time=moment))
    return tx.execute(select(builds).where(builds.c.seq == seq)).one()


def live_seq(tx: Connection) -> int | None:
    """The last change that is live; None when nobody has said."""
    found: int | None = tx.execute(select(func.max(builds.c.seq))).scalar_one()
    return found


def live_since(tx: Connection, seq: int) -> float | None:
    """Since when what the public is to see as of `seq` has been live; None when it is not, or nobody has said."""
    moment: float | None = _LIVE.on(tx, {"seq": seq}).scalar()
    return moment
