"""What our processes are to each other and to the system: none outlives the one that started it, and none runs out of
files; one that dies is started again."""

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


@contextmanager
def keeping(start: Callable[[], subprocess.Popen[bytes]]) -> Iterator[None]:
    """Have the process run during the block, whatever ends it, and end it with the block."""
    stop = threading.Event()

    def keep() -> None:
        while not stop.is_set():
            process = start()
            while process.poll() is None and not stop.wait(LOOK_EVERY_S):
                pass
            if not stop.is_set():
                log.error("the background work ended with %s and is begun again", process.returncode)
                stop.wait(AGAIN_S)
            process.terminate()
            process.wait()

    thread = threading.Thread(target=keep, name="keep")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
