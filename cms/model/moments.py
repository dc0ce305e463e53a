"""Turns date-times into UTC, in one place.

Python's dates begin with year 1 and end with year 9999; an offset can lead out of these years.
"""

from __future__ import annotations

from datetime import UTC, datetime


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
