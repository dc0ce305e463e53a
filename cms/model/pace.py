"""When a webhook is told of what is new, and when again after a failure. Times are seconds since the epoch.

Many changes are one message: it waits for quiet, but not for ever. What is urgent does not wait, except that no two
messages come closer than the quiet time: 1,000 saves in a minute, urgent or not, are at most 7 builds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

from cms.model.moments import not_beyond

RETRY_S = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600)
"""The last is repeated without end: a receiver that comes back after days is told."""
JITTER = (0.8, 1.2)
MOST_PAUSE_S = RETRY_S[-1] * JITTER[1]

Reason = Literal["quiet", "longest_wait", "urgent"]


@dataclass(frozen=True, slots=True)
class Pace:
    """How a webhook wants to be told, when that last happened, and up to which change it is urgent."""

    quiet_s: float
    max_wait_s: float
    told_at: float = 0
    urgent_seq: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a webhook has not been told of: its first change, the times of the first and the last; `is_ready` is False
    while something is still being made that a build should have."""

    first_seq: int
    first_time: float
    last_time: float
    is_ready: bool = True


def due(waiting: Waiting, pace: Pace, now: float) -> tuple[float, Reason]:
    """From when on it is to be told, and why then. What was noted by a clock that was ahead keeps nothing waiting."""
    gap_s = min(pace.quiet_s, pace.max_wait_s)
    soonest = not_beyond(pace.told_at + gap_s, now, gap_s)
    if waiting.first_seq <= pace.urgent_seq:
        return soonest, "urgent"
    quiet = not_beyond(waiting.last_time + pace.quiet_s, now, pace.quiet_s)
    longest = not_beyond(waiting.first_time + pace.max_wait_s, now, pace.max_wait_s)
    if quiet <= longest and waiting.is_ready:
        return max(soonest, quiet), "quiet"
    return max(soonest, longest), "longest_wait"


def pause_s(failures: int, *, is_gone: bool, asked_s: float | None, jitter: float) -> float:
    """Return the seconds to wait after so many failures in a row; `jitter` is within `JITTER`.

    A receiver may ask for a longer pause, up to our longest. One that says it is gone (410) gets the longest at once.
    """
    longest = RETRY_S[-1]
    own = longest if is_gone else RETRY_S[min(failures, len(RETRY_S)) - 1]
    return max(own * jitter, min(asked_s or 0, longest))


def asked_pause_s(retry_after: str | None, now: float) -> float | None:
    """What `Retry-After` asks for, in seconds or as an HTTP date; None when it cannot be read."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:  # as "-0000" is read
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)
