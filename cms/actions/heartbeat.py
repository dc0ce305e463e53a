"""Tells every process of the service what the background work does, and derives alerts where it does not.

The worker sends heartbeats. A worker that hangs cannot write an alert, so that readers of the heartbeats find it.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cms.actions.steps import State, Steps
from cms.context import Context
from cms.database import clock
from cms.errors import CmsError
from cms.model.published import timestamp

log = logging.getLogger("cms.worker")

EVERY_S = 5.0
SILENT_S = 20.0
"""A worker is silent when its last heartbeat is older."""
START_S = 10.0
"""A worker may begin this much later than the server, which takes modules and a look at the database."""
FAILURES = 3
"""A step that has failed so often in a row is an alert; once may be a moment's trouble."""


@dataclass(frozen=True, slots=True)
class Alert:
    """`since` is in seconds since the epoch."""

    name: str
    detail: str
    since: float


def send(ctx: Context, steps: Steps, stop: threading.Event) -> None:
    """Send heartbeats until `stop` is set. One that cannot be kept is missed by the readers, who say so."""
    process, is_first = secrets.token_hex(8), True
    while not stop.is_set():
        try:
            ctx.heartbeats.put(process, json.dumps(steps.states()))
            if is_first:  # before this one nobody would have told of the silence
                ctx.heartbeats.forget(SILENT_S)
            is_first = False
        except CmsError as error:
            log.debug("a heartbeat is not kept: %s", error.detail)
        except Exception:
            log.exception("a heartbeat is not kept")  # the next one may be
        stop.wait(EVERY_S)


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker process as its last heartbeat has it, `age_s` ago."""

    age_s: float
    states: Sequence[State]


def alerts(ctx: Context, started: float | None) -> list[Alert]:
    """What ails the background work. No worker is expected before this server process `started` (monotonic time), nor
    without such a time. `Unavailable` when the heartbeats cannot be read."""
    found, now = workers(ctx), clock.of(ctx.database)()
    ages = [worker.age_s for worker in found]
    if started is not None and (quiet_s := min([*ages, time.monotonic() - started - START_S])) > SILENT_S:
        return [_silent(now - quiet_s)]
    live = [worker for worker in found if worker.age_s <= SILENT_S]
    by_name = {alert.name: alert for worker in live for alert in _of_worker(worker, now)}
    return sorted(by_name.values(), key=lambda alert: alert.name)


def workers(ctx: Context) -> list[Worker]:
    """Return the worker processes that have been heard from; `Unavailable` when the heartbeats cannot be read."""
    return [Worker(beat.age_s, list(_states(beat.steps))) for beat in ctx.heartbeats.all_of()]


def idle_s(workers: Sequence[Worker]) -> dict[str, float]:
    """Return how long ago each step last showed a sign of life in any process."""
    found: dict[str, float] = {}
    for worker in workers:
        for state in worker.states:
            age_s = worker.age_s + state.idle_s
            found[state.name] = min(age_s, found.get(state.name, age_s))
    return found


def failures(workers: Sequence[Worker]) -> dict[str, int]:
    """Return how often each step has failed in a row, in the live process where it is most."""
    found: dict[str, int] = {}
    for worker in workers:
        for state in worker.states:
            is_live = worker.age_s <= SILENT_S
            found[state.name] = max(state.failures if is_live else 0, found.get(state.name, 0))
    return found


def _states(text: str) -> Iterator[State]:
    """Return the heartbeats that can be read: a worker of another version may write others."""
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        for one in json.loads(text):
            yield State(**{name: one[name] for name in State.__dataclass_fields__})


def _silent(since: float) -> Alert:
    detail = (
        f"No background worker has been heard from since {timestamp(since)}: files changed by hand are not taken over,"
        " nothing scheduled is published, no webhook is told. `cms serve` has a worker; with --no-worker, run"
        " `cms worker` beside it."
    )
    return Alert("worker_silent", detail, since)


def _of_worker(worker: Worker, now: float) -> Iterator[Alert]:
    for state in worker.states:
        if worker.age_s > state.left_s:
            since = now - worker.age_s - state.idle_s
            detail = f"The background step {state.name} has shown no sign of life since {timestamp(since)}."
            yield Alert(f"worker_stalled_{state.name}", detail, since)
        if state.failures >= FAILURES:
            since = now - worker.age_s - state.failing_s
            detail = (
                f"The background step {state.name} has failed {state.failures} times in a row since {timestamp(since)},"
                f" the last time with {state.error}; the log has the error. It goes on being tried."
            )
            yield Alert(f"worker_failing_{state.name}", detail, since)
