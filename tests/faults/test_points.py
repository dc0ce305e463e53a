"""Kills and errors at each call of each way to write: some of the points, or with `CMS_TEST_FAULTS=all` every one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from tests.components import NEEDED
from tests.counted import Told
from tests.faults import points
from tests.faults.points import ERRORS, KILL, Point
from tests.faults.scenarios import SCENARIOS, World, make_world

ALL = os.environ.get("CMS_TEST_FAULTS") == "all"
SAMPLE = 5 if NEEDED else 1
"""So many points of each scenario are tried in a hurry: one in the default tier."""


@pytest.fixture(params=SCENARIOS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Where nothing is ever flushed to a disk, if the machine has such a place: it is the order that matters here."""
    memory = Path("/dev/shm")  # noqa: S108
    folder = Path(tempfile.mkdtemp(prefix="cms-faults-", dir=memory if memory.is_dir() else None))
    try:
        yield make_world(folder / "world", request.param)
    finally:
        shutil.rmtree(folder)


def sample(found: Sequence[Point], seed: int) -> list[Point]:
    """All of them, or a few that lie far apart, others for each scenario."""
    step = 1 if ALL else max(1, len(found) // SAMPLE)
    return list(islice(found, 0 if ALL else seed % step, None, step))


def test_whoever_dies_at_any_point_leaves_the_old_or_the_new(world: World, counted: Told) -> None:
    tried = sample(list(points.points_of(world, KILL)), seed=list(SCENARIOS).index(world.name))
    wrong = {point: found for point in tried if (found := points.try_kill(world, point))}
    counted({"points": len(tried), "violations": len(wrong)})
    assert wrong == {}


def test_a_call_that_fails_at_any_point_leaves_the_old_or_the_new(
    world: World, counted: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = sample(list(points.points_of(world, *ERRORS)), seed=list(SCENARIOS).index(world.name))
    wrong = {point: found for point in tried if (found := points.try_error(world, point, monkeypatch))}
    counted({"points": len(tried), "violations": len(wrong)})
    assert wrong == {}
