"""The machine's own clock, which nothing else reads. Seconds since the epoch.

What the database keeps goes by the database's clock (`cms.database.clock`). This one is for the files that this machine
has stamped, and for what it writes to be read by people.
"""

from __future__ import annotations

import time


def machine_time() -> float:
    return time.time()


def age_s(stamped: float) -> float:
    """Return how long ago this machine stamped a file; what lies ahead was stamped before the clock was set back, at
    least so long ago as that."""
    return abs(machine_time() - stamped)
