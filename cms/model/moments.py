"""Moments: turns date-times into UTC, and says which stored moments are believed.

Python's dates begin with year 1 and end with year 9999; an offset can lead out of these years.
"""

from __future__ import annotations

from datetime import UTC, datetime

STEP_S = 60.0
"""Clocks of nodes may differ by less than this, and a clock may be set right by so much, without anybody being told."""


def to_utc(moment: datetime) -> datetime:
    """Return the moment in UTC, cut to milliseconds as JavaScript keeps it; one without an offset is taken for UTC.

    Raise ValueError when UTC's year is not between 1 and 9999.
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    try:
        utc = aware.astimezone(UTC)
    except OverflowError as exc:
        raise ValueError(f"the date {moment.isoformat()} is out of range: its year in UTC is not 1 to 9999") from exc
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def not_beyond(moment: float, now: float, longest_s: float) -> float:
    """Return the end of a pause that lasts `longest_s` at most, all in seconds since the epoch: the `moment` that was
    noted for it, or `now` where that lies further ahead, because the clock was wrong then or is now."""
    return now if moment > now + longest_s + STEP_S else moment
