"""What the benches share: a row of the table, processor time, what machine it was.

A bench is a module with `rows(options)`, which yields a `Row` for each thing it measured, both sides in the same run.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.components import descendants

T = TypeVar("T")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Options:
    """`folder` is for what a bench makes. `articles` and `many` are the two sizes of site that rows speak of, `seconds`
    is how long a server is put under load, `rounds` how often each side is measured."""

    folder: Path
    rounds: int = 5
    articles: int = 10_000
    many: int = 100_000
    seconds: float = 3.0
    is_small: bool = False


@dataclass(frozen=True)
class Row:
    """`ours` and `theirs` in the same `unit`, each the median of the rounds, whose spread is told by `least` and `most`
    of our side. The ratio is to be at most `aim`, or, with `is_least`, at least. `size` is the number of articles."""

    work: str
    against: str
    unit: str
    ours: float
    theirs: float
    aim: float | None = None
    is_least: bool = False
    size: int | None = None
    least: float | None = None
    most: float | None = None

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs if self.theirs else math.nan

    @property
    def is_met(self) -> bool | None:
        if self.aim is None or math.isnan(self.ratio):
            return None
        return self.ratio >= self.aim if self.is_least else self.ratio <= self.aim


def row(work: str, against: str, unit: str, ours: list[float], theirs: list[float], **named: object) -> Row:
    """The row of what both sides took in each round."""
    middle, other = statistics.median(ours), statistics.median(theirs)
    return Row(work, against, unit, middle, other, least=min(ours), most=max(ours), **named)  # type: ignore[arg-type]


def processor_seconds(pid: int) -> float:
    """Of the process and all below it, those that have ended too."""
    stats = [Path(f"/proc/{one}/stat").read_text() for one in (pid, *descendants(pid))]
    return sum(sum(map(int, stat.rpartition(")")[2].split()[11:15])) for stat in stats) / TICK


def in_turn(rounds: int, *sides: Callable[[], T]) -> list[list[T]]:
    """What each side says, round by round, so that a noisy minute hits all alike."""
    found = [[side() for side in sides] for _ in range(rounds)]
    return [list(one) for one in zip(*found, strict=True)]


def processor_time(act: Callable[[], object]) -> float:
    """Processor seconds that this process spends in `act`."""
    before = time.process_time()
    act()
    return time.process_time() - before


def wall_time(act: Callable[[], object]) -> float:
    before = time.perf_counter()
    act()
    return time.perf_counter() - before


def machine() -> dict[str, str | int | float]:
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": os.cpu_count() or 0,
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": sys.version.partition(" ")[0],
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def table(rows: Iterable[Row]) -> str:
    """The rows as text, with their ratios and aims."""
    lines = [f"{'work':58} {'ours':>10} {'theirs':>10} {'unit':8} {'ratio':>7}  aim"]
    for found in rows:
        aim = "" if found.aim is None else f"{'≥' if found.is_least else '≤'} {found.aim:g}"
        mark = {True: "met", False: "NOT MET", None: ""}[found.is_met]
        lines.append(
            f"{found.work:58} {found.ours:10.4g} {found.theirs:10.4g} {found.unit:8} {found.ratio:7.2f}  {aim} {mark}"
        )
        spread = "" if found.least is None else f"ours {found.least:.4g} to {found.most:.4g}"
        lines.append(f"    against {found.against}; {spread}")
    return "\n".join(lines)
