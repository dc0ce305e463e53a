"""Says that a clock was set, or is wrong, by what this process sees of it: no table is read for that.

A step is seen by the monotonic clock, which nobody sets.
"""

from __future__ import annotations

from cms.actions.heartbeat import Alert
from cms.context import Context
from cms.database import clock
from cms.database.clock import Clock, Step
from cms.model.moments import STEP_S

STEPPED = "clock_stepped"
_WAITS = " For an hour, what that alone makes due is neither published nor deleted."


def alerts(ctx: Context) -> list[Alert]:
    """Return the alert, if there is one."""
    clocks = clock.of(ctx.database)
    step, now = clocks.step(), clocks()
    told = [*_of_step(step), *_of_machine(clocks)]
    since = now if step is None else now - step.age_s
    return [Alert(STEPPED, " ".join(told), since)] if told else []


def _of_step(step: Step | None) -> list[str]:
    if step is None:
        return []
    way = "back" if step.seconds < 0 else "ahead"
    waits = "" if step.seconds < 0 else _WAITS
    return [f"The clock was set {way} by {_long(step.seconds)}. If it was right before, set it right.{waits}"]


def _of_machine(clocks: Clock) -> list[str]:
    ahead_s = clocks.ahead_s()
    if abs(ahead_s) <= STEP_S:
        return []
    way = "behind" if ahead_s < 0 else "ahead of"
    return [f"The clock of this machine is {_long(ahead_s)} {way} PostgreSQL's, which counts. Set the wrong one right."]


def _long(seconds: float) -> str:
    for name, unit in (("days", 86_400), ("hours", 3_600)):
        if abs(seconds) >= 2 * unit:
            return f"{abs(seconds) / unit:.0f} {name}"
    return f"{abs(seconds) / 60:.0f} minutes"
