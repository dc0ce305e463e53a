"""The background work of a site: takes over what changed in the files, publishes what is due, commits to git, makes
variants of photos, tells webhooks, makes derived tables again that are damaged, clears away what has had its time, and
keeps some room on the disk."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal, NamedTuple

from cms.actions import deliver, heartbeat, renditions, reserve
from cms.actions.clock_monitor import ClockMonitor
from cms.actions.examine import Examiner
from cms.actions.exchange_git import Exchange
from cms.actions.heal import heal
from cms.actions.keep_git import Keeper
from cms.actions.publish import publish_due
from cms.actions.reserve import EVERY_S as RESERVE_EVERY_S
from cms.actions.steps import LONG_S, Step, Steps
from cms.actions.sweep import EVERY_S as SWEEP_EVERY_S
from cms.actions.sweep import sweep
from cms.actions.take_over import BUSY_SHARE, EVERY_S, MOST_PAUSE_S, take_over
from cms.actions.watch import EVERY_S as WATCH_EVERY_S
from cms.actions.watch import watch
from cms.context import Context
from cms.database.engine import checked
from cms.database.images import Made
from cms.database.leases import Lease

SENDERS = 8
"""So many webhooks are told at a time: one that answers slowly keeps no other waiting."""

GIT_S = 1800.0
"""A round of git calls it many times, each of which may take as long as its time-out."""


FAILED_MOST_S = 60.0
"""No round that has failed makes the next one wait longer."""


class Round(NamedTuple):
    """A step, what it does, and the seconds between two rounds of it. One that `rests` waits longer after a round that
    took long, for that may have been in vain: after each such round, or after one that failed."""

    step: Step
    work: Callable[[], object]
    every_s: float
    rests: Literal["never", "failed", "always"] = "never"

    def pause_s(self, took_s: float) -> float:
        """Return the seconds until the next round; `took_s` is how long the last one took."""
        most_s = {"never": 0.0, "failed": FAILED_MOST_S if self.step.has_failed else 0.0, "always": MOST_PAUSE_S}
        return max(self.every_s, min(took_s / BUSY_SHARE, most_s[self.rests]))


def work(every: Context, stop: threading.Event, steps: Steps) -> None:
    """Work until `stop` is set; what fails is logged and tried again. What each of the `steps` does, the heartbeat
    tells."""
    ctx = dataclasses.replace(every, database=checked(every.database))
    reconcile, tell, send = steps.add("reconcile", LONG_S), steps.add("deliver"), steps.add("send")
    threads = [
        threading.Thread(target=take_over, args=(every, stop, reconcile), name="reconcile"),
        threading.Thread(target=_tell, args=(ctx, stop, tell, send), name="deliver"),
        *(
            threading.Thread(target=_repeat, args=(one, stop), name=one.step.name)
            for one in _rounds(every, ctx, stop, steps)
        ),
        threading.Thread(target=heartbeat.send, args=(every, steps, stop), name="heartbeat"),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            # Where another thread has taken a signal, its handler runs when this one wakes.
            thread.join(EVERY_S)


def _rounds(every: Context, ctx: Context, stop: threading.Event, steps: Steps) -> list[Round]:
    """Return the steps that are done again and again."""
    sweeping, keeper, clocks = Lease(ctx.database, "sweep"), Keeper(ctx), ClockMonitor(ctx)
    exchange = Exchange(ctx, keeper, stop.is_set)
    return [
        Round(steps.add("examine", LONG_S), Examiner(every).run, EVERY_S, rests="always"),
        Round(steps.add("heal"), lambda: heal(ctx), EVERY_S),
        Round(steps.add("publish"), lambda: publish_due(ctx), EVERY_S),
        Round(steps.add("git", GIT_S), keeper.run, EVERY_S),
        Round(steps.add("git_remote", GIT_S), exchange.run, EVERY_S),
        # A new photo never waits for AVIF, nor for a photo that takes long: the one or the other lane is free.
        _lane(ctx, stop, steps.add("renditions", LONG_S), ["rendition"]),
        _lane(ctx, stop, steps.add("avif", LONG_S), ["rendition", "avif"]),
        Round(steps.add("sweep", LONG_S), lambda: _sweep(ctx, sweeping), SWEEP_EVERY_S),
        Round(steps.add("watch"), lambda: _watch(ctx, clocks, exchange), WATCH_EVERY_S),
        Round(steps.add("reserve"), lambda: reserve.keep(ctx), RESERVE_EVERY_S),
    ]


def _lane(ctx: Context, stop: threading.Event, step: Step, kinds: Sequence[Made]) -> Round:
    lane = renditions.Lane(ctx, kinds)

    def is_stopped() -> bool:  # it is asked before each photo, and while one takes long
        step.show_alive()
        return stop.is_set()

    # Where variants cannot be kept, as on a full disk, each was made in vain.
    return Round(step, lambda: lane.run(is_stopped), EVERY_S, rests="failed")


def _tell(ctx: Context, stop: threading.Event, tell: Step, send: Step) -> None:
    with ThreadPoolExecutor(SENDERS, "deliver") as senders:

        def tell_due() -> None:
            send.show_alive()
            for webhook_id in deliver.due(ctx):
                senders.submit(send.run, partial(deliver.deliver, ctx, webhook_id))

        _repeat(Round(tell, tell_due, EVERY_S), stop)


def _watch(ctx: Context, clocks: ClockMonitor, exchange: Exchange) -> None:
    clocks.run()
    watch(ctx)
    exchange.tell_slow()


def _sweep(ctx: Context, lease: Lease) -> None:
    if lease.claim(SWEEP_EVERY_S / 2):
        sweep(ctx)


def _repeat(one: Round, stop: threading.Event) -> None:
    """Do a round, wait, and so on until `stop` is set."""
    while not stop.is_set():
        started = time.monotonic()
        one.step.run(one.work)
        pause_s = one.pause_s(time.monotonic() - started)
        one.step.show_alive(pause_s)
        stop.wait(pause_s)
