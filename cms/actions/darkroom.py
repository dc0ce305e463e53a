"""Decodes photos in a process apart, with little memory and time to waste: a hostile one takes nothing else along.

The parent writes one job a line to the child, as JSON, and reads one answer a line; photos go from file to file.
"""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from cms import errors
from cms.errors import BUSY, CmsError, Invalid, Problem, Unavailable
from cms.model import photo, photo_variants
from cms.model.limits import MIB, Limits
from cms.model.photo import Facts
from cms.model.photo_variants import Rendition
from cms.model.variant_sizes import WIDTHS, Kind

MOST_MEMORY = 4096 * MIB
"""Of addresses; an AVIF of 64 megapixels takes 1.7 GB."""

MOST_SECONDS = 60
"""Of the processor, for one photo."""

MOST_WAIT_S = 180.0
"""For one photo, on the clock: only on a machine with too much to do does one take longer that is not costly itself."""

MODEST_WIDTH = 640
"""The widest variant of a photo of which all variants cost too much."""

AT_ONCE = min(2, os.cpu_count() or 1)
"""So many photos are made ready at once by this process, whoever sends them."""

WAIT_S = 30.0
RETRY_S = 60
LOOK_EVERY_S = 0.2
_free = threading.BoundedSemaphore(AT_ONCE)


class Darkroom(AbstractContextManager["Darkroom"]):
    """The child is started with the first photo, and ended with the block. A photo that is under way when `is_stopped`
    says so is given up: `Unavailable` (busy)."""

    def __init__(self, limits: Limits, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._limits = limits
        self._is_stopped = is_stopped
        self._child: subprocess.Popen[bytes] | None = None

    def prepare(self, source: Path, target: Path, name: str, where: str) -> Facts:
        """Make the photo in `source` fit to be public, in `target`; raises what `photo.prepare` raises, `Invalid` when
        that takes more than it may, and `Unavailable` when the machine has too much else to do."""
        job = {"source": str(source), "target": str(target), "name": name, "where": where}
        answer = self._ask({**job, "limits": dataclasses.asdict(self._limits)})
        if answer is None:
            problem = Problem(where, f"{name} takes too much time or memory to read; export it again", "photo_costly")
            raise Invalid(problem.detail, code=problem.code, problems=[problem])
        if "error" in answer:
            raise _error_of(**answer)
        return Facts(**answer)

    def render(self, source: Path, folder: Path, kind: Kind) -> Rendition | None:
        """Write the photo's variants into the folder; None for one that cannot be read, or only at too great a cost.

        Where all of them cost too much, those up to `MODEST_WIDTH` are made. Raises `Unavailable` as `prepare`.
        """
        job = {"source": str(source), "folder": str(folder), "kind": kind}
        answer = self._ask({**job, "widest": WIDTHS[-1]}) or self._ask({**job, "widest": MODEST_WIDTH})
        if answer is None or "error" in answer:
            return None
        variants = tuple((width, height, size) for width, height, size in answer["variants"])
        return Rendition(answer["placeholder"], answer["colour"], variants)

    def __exit__(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None

    def _ask(self, job: dict[str, Any]) -> dict[str, Any] | None:
        """The child's answer; None when it had to be ended. One that died of something else is given a second try:
        when memory is short, the kernel ends whom it likes."""
        for _ in range(2):
            answer, is_over_limit = self._ask_once(job)
            if answer is not None or is_over_limit:
                break
        return answer

    def _ask_once(self, job: dict[str, Any]) -> tuple[dict[str, Any] | None, bool]:
        child = self._child = self._child or _start()
        assert child.stdin is not None
        assert child.stdout is not None
        with suppress(BrokenPipeError):
            child.stdin.write(json.dumps(job).encode() + b"\n")
            child.stdin.flush()
        try:
            self._await_answer(child.stdout)
        except Unavailable:
            self.__exit__()
            raise
        line = child.stdout.readline()
        if line.endswith(b"\n"):
            return json.loads(line), False
        self.__exit__()
        return None, child.returncode == -signal.SIGXCPU

    def _await_answer(self, out: IO[bytes]) -> None:
        """Wait until the child has answered, or has ended; `Unavailable` when that takes too long."""
        deadline = time.monotonic() + MOST_WAIT_S
        with selectors.DefaultSelector() as selector:
            selector.register(out, selectors.EVENT_READ)
            while not selector.select(max(0.0, min(LOOK_EVERY_S, deadline - time.monotonic()))):
                if self._is_stopped():
                    raise Unavailable("The photo is left for later: the service ends.", code=BUSY)
                if time.monotonic() >= deadline:
                    detail = "The machine has too much to do to read a photo just now; try again later."
                    raise Unavailable(detail, code="photo_waits", retry_after_s=RETRY_S)


@contextmanager
def darkrooms(limits: Limits, wanted: int) -> Iterator[list[Darkroom]]:
    """As many as are wanted and free, and one at least; `Unavailable` when others have them all for `WAIT_S`."""
    if not _free.acquire(timeout=WAIT_S):
        raise Unavailable("Many photos are being made ready just now; try again.", code=BUSY)
    with ExitStack() as taken:
        taken.callback(_free.release)
        rooms = [taken.enter_context(Darkroom(limits))]
        # Who has one never waits for another: two could wait for each other.
        while len(rooms) < wanted and _free.acquire(blocking=False):
            taken.callback(_free.release)
            rooms.append(taken.enter_context(Darkroom(limits)))
        yield rooms


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "cms.actions.darkroom", str(MOST_MEMORY), str(MOST_SECONDS)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def _error_of(error: str, detail: str, code: str, problems: list[list[str]]) -> CmsError:
    kind: type[CmsError] = getattr(errors, error)
    return kind(detail, code=code, problems=[Problem(*problem) for problem in problems])


def _work() -> None:
    """In the child: answer jobs until there are no more."""
    memory, seconds = map(int, sys.argv[1:])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.nice(5)
    for line in sys.stdin.buffer:
        used = sum(os.times()[:2])
        resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds + 1, resource.RLIM_INFINITY))
        job = json.loads(line)
        answer = json.dumps(_render(**job) if "folder" in job else _prepare(**job))
        sys.stdout.buffer.write(answer.encode() + b"\n")
        sys.stdout.buffer.flush()


def _prepare(source: str, target: str, name: str, where: str, limits: dict[str, int]) -> dict[str, Any]:
    try:
        with Path(source).open("rb") as stream, Path(target).open("w+b") as out:
            return dataclasses.asdict(photo.prepare(stream, out, name, where, Limits(**limits)))
    except CmsError as error:
        problems = [[problem.pointer, problem.detail, problem.code] for problem in error.problems]
        return {"error": type(error).__name__, "detail": error.detail, "code": error.code, "problems": problems}


def _render(source: str, folder: str, kind: Kind, widest: int) -> dict[str, Any]:
    try:
        with Path(source).open("rb") as stream:
            return dataclasses.asdict(photo_variants.render(stream, Path(folder), kind, widest))
    except Exception:  # whatever a decoder raises, this photo has no variants
        return {"error": "damaged"}


if __name__ == "__main__":
    _work()
