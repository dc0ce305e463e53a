"""What our processes are to each other and to the system: none outlives the one that started it, and none runs out of
files; one that dies or hangs is started again."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("cms.processes")

LOOK_EVERY_S = 0.5
AGAIN_S = 1.0
BEAT_EVERY_S = 5.0
FINISH_S = 30.0
"""A process that is asked to end has this long to finish what it has begun, which is made for being broken off."""
HUNG_S = 60.0
"""A process that has not beaten for so long hangs: it is stopped, or in a call that never returns."""


def allow_many_files() -> None:
    """Take as many open files as the system lets this process have; each lock that is held is one."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def end_with(parent: int) -> None:
    """Send this process SIGTERM as soon as `parent` is not its parent any more, however it ended."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def beat_while(is_working: Callable[[], bool], descriptor: int) -> None:
    """Touch the file behind the descriptor, from now on and for as long as `is_working` says so."""

    def beat() -> None:
        while True:
            if is_working():
                os.utime(descriptor)
            time.sleep(BEAT_EVERY_S)

    threading.Thread(target=beat, name="beat", daemon=True).start()


@contextmanager
def keeping(start: Callable[[int], subprocess.Popen[bytes]]) -> Iterator[None]:
    """Have the process run during the block, whatever ends it, and end it with the block. It is given a descriptor, by
    which it beats (`beat_while`); one that does not is killed and started again."""
    stop = threading.Event()

    def keep() -> None:
        beat = os.memfd_create("beat", 0)  # in memory, and inherited
        while not stop.is_set():
            try:
                process = start(beat)
            except OSError as error:
                log.error("the background work cannot be started: %s", error.strerror)
                stop.wait(AGAIN_S)
                continue
            _wait(process, beat, stop)
            if not stop.is_set():
                log.error("the background work ended with %s and is begun again", process.returncode)
                stop.wait(AGAIN_S)
            _end(process)
        os.close(beat)

    thread = threading.Thread(target=keep, name="keep")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _wait(process: subprocess.Popen[bytes], beat: int, stop: threading.Event) -> None:
    """Return when the process has ended or `stop` is set; kill the process when it hangs."""
    looks, beaten = 0, 0
    while process.poll() is None and not stop.wait(LOOK_EVERY_S):
        # Looks are counted, for this process may have been stopped itself, and its own clock went on.
        last, beaten = beaten, os.fstat(beat).st_mtime_ns
        looks = looks + 1 if beaten == last else 0
        if looks * LOOK_EVERY_S >= HUNG_S:
            log.error("the background work has shown no sign of life for %g s and is killed", HUNG_S)
            process.kill()
            looks = 0


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)  # one that is stopped would never hear of it
    process.terminate()
    try:
        process.wait(FINISH_S)
    except subprocess.TimeoutExpired:
        log.error("the background work has not ended within %g s and is killed", FINISH_S)
        process.kill()
        process.wait()
