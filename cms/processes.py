"""What our processes are to each other and to the system: none outlives the one that started it, and none runs out of
files."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time

LOOK_EVERY_S = 0.5


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
