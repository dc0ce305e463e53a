"""Every call that changes something, in each way to write, as a point at which the process dies or the call fails.

Afterwards the site is as it was or as asked for; as asked for, if the client was told so; what a start does to mend it,
it does once; the same request made again succeeds; and nothing is left lying about.
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy.exc import OperationalError

from cms.store import condition
from tests.conftest import site_of, state_of
from tests.faults.scenarios import Desk, World, outcomes, recover, view
from tests.faults.steps import watched

KILL = "kill"
ERRORS = ("EIO", "ENOSPC", "EDQUOT", "EROFS", "EACCES", "EMFILE")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.faults.points"])


class Point(NamedTuple):
    """The call of that number, and what befalls it: a kill, or an error by its name."""

    number: int
    call: str
    fault: str


@dataclass
class Striking:
    """Strikes at the call of that number."""

    point: Point
    calls: int = 0

    def __call__(self, name: str) -> None:
        self.calls += 1
        if self.calls - 1 != self.point.number:
            return
        if self.point.fault == KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if name == "commit":
            raise OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))
        number = getattr(errno, self.point.fault)
        raise OSError(number, os.strerror(number))

    @property
    def has_struck(self) -> bool:
        return self.calls > self.point.number


def calls_of(world: World) -> list[str]:
    """The calls of the scenario, when nothing fails."""
    met: list[str] = []
    with world.copied(world.folder.with_name("counted")) as folder, world.desk(folder) as desk, watched(met.append):
        world.scenario.act(desk)
    return met


def points_of(world: World, *faults: str) -> Iterator[Point]:
    for number, call in enumerate(calls_of(world)):
        for fault in faults:
            if call != "commit" or fault in (KILL, "EIO"):
                yield Point(number, call, fault)


def act_and_die(world: World, folder: Path, point: Point, told: Path) -> None:
    """In a process of its own."""
    os.environ["TMPDIR"] = str(folder)
    with world.desk(folder, is_prepared=False) as desk, watched(Striking(point)):
        status = world.scenario.act(desk).status_code
    told.write_text(json.dumps(status))


def try_kill(world: World, point: Point) -> str | None:
    """What is wrong after the process has died at the point, None when all is well."""
    told = world.folder.with_name("told")
    told.unlink(missing_ok=True)
    with world.copied(world.folder.with_name("killed")) as folder:
        process = FORKS.Process(target=act_and_die, args=(world, folder, point, told))
        process.start()
        process.join()
        has_told = told.exists()
        if not has_told and process.exitcode != -signal.SIGKILL:
            return f"ended with {process.exitcode}"
        with world.desk(folder) as desk:
            return _wrong(world, desk, json.loads(told.read_text()) if has_told else None)


def try_error(world: World, point: Point, patch: pytest.MonkeyPatch) -> str | None:
    """What is wrong after the call has failed, None when all is well."""
    patch.setattr(condition, "READ_ONLY_S", 0)  # each look is a probe
    with world.copied(world.folder.with_name("failed")) as folder, world.desk(folder) as desk:
        patch.setattr("tempfile.tempdir", str(folder))
        striking = Striking(point)
        with watched(striking):
            answer = world.scenario.act(desk)
        if not striking.has_struck:
            return None
        if answer.status_code >= 300 and answer.status_code not in (503, 507):
            return f"answered {answer.status_code}: {answer.text}"
        if answer.status_code >= 300 and "Retry-After" not in answer.headers:
            return "has no Retry-After"
        if str(folder) in answer.text:
            return "tells a path"
        return _wrong(world, desk, answer.status_code)


def _wrong(world: World, desk: Desk, status: int | None) -> str | None:
    try:
        return _compared(world, desk, status)
    except AssertionError as error:
        return f"contradicts itself: {error}"


def _compared(world: World, desk: Desk, status: int | None) -> str | None:
    before, after = outcomes(world)
    recover(desk)
    found = view(desk)
    if found not in (before, after):
        return f"is neither: {_difference(before, found)}, {_difference(after, found)}"
    if status is not None and status < 300 and found != after:
        return f"was acknowledged and is not there: {_difference(after, found)}"
    state = state_of(desk.ctx)
    recover(desk)
    if state_of(desk.ctx) != state:
        return "is mended twice"
    again = world.scenario.act(desk)
    recover(desk)
    if view(desk) != after:
        return f"cannot be done again: {again.status_code} {again.text}"
    if left := [path.name for path in site_of(desk.ctx).rglob("*") if ".tmp-" in path.name]:
        return f"left {left}"
    return None


def _difference(one: dict[str, str], other: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(set(one.items()) ^ set(other.items()))
