"""Runs the application on granian, and lets it leave: on SIGTERM proxies are told first, then what was begun ends."""

from __future__ import annotations

import contextlib
import functools
import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from cms.processes import allow_many_files, end_with
from cms.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# One more than may be inside the gate or wait at its narrow doors, who answers from memory and refuses; each costs all
# others.
THREADS = 8
CONNECTIONS = 1024
FINISH_S = 25
AGAIN_S = 0.5


def run(settings: Settings, host: str, port: int, workers: int, drain_s: float) -> None:
    """Serve until SIGINT or SIGTERM, then finish what was begun.

    After SIGTERM, `/readyz` answers 503 for `drain_s` seconds while all else is served as before, so that proxies go
    elsewhere; a second one ends that.
    """
    server = Server(
        "cms",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        backpressure=CONNECTIONS,
        workers_kill_timeout=FINISH_S,
        respawn_failed_workers=True,
        http=HTTPModes.http1,  # who speaks HTTP/2 to the public is the proxy; finding out costs each request
        log_enabled=False,
    )
    told, tell = multiprocessing.Pipe(duplex=False)
    server.on_startup(functools.partial(_obey, server.signal_handler_interrupt, tell, drain_s))
    server.serve(target_loader=functools.partial(_load, settings, os.getpid(), told))


def _obey(end: Callable[[], None], tell: Connection, drain_s: float) -> None:
    """Called once granian has its signal handlers, in whose place ours come."""

    asked = threading.Event()

    def leave(number: int, _frame: object) -> None:
        wait_s = drain_s if number == signal.SIGTERM and not asked.is_set() else 0.0
        asked.set()
        tell.send_bytes(b"leaving")
        processes = [os.pidfd_open(process.pid or 0) for process in multiprocessing.active_children()]
        threading.Thread(target=_end, args=(end, processes, wait_s), daemon=True).start()

    signal.signal(signal.SIGTERM, leave)
    signal.signal(signal.SIGINT, leave)


def _end(end: Callable[[], None], processes: Iterable[int], wait_s: float) -> None:
    time.sleep(wait_s)
    end()
    while True:
        # A server process that is just being started hears no signal of granian's.
        time.sleep(AGAIN_S)
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(process, signal.SIGTERM)


def _load(settings: Settings, parent: int, told: Connection, *_target: Any) -> WSGIApplication:
    """Called in each server process."""
    from cms.app import create_app, log_as_json

    end_with(parent)
    allow_many_files()
    log_as_json()
    leaving = threading.Event()
    app = create_app(settings, leaving=leaving)
    threading.Thread(target=_hear, args=(told, leaving), name="leaving", daemon=True).start()
    logging.getLogger("cms").info("serving")
    return _closing(app, leaving)


def _hear(told: Connection, leaving: threading.Event) -> None:
    # No signal: of two that come at once, Python may sleep through the second.
    told.poll(None)  # and nobody takes it out, so that every process hears it
    leaving.set()


def _closing(app: WSGIApplication, leaving: threading.Event) -> WSGIApplication:
    """While the server leaves, no connection is kept for a next request, which could find nobody."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def start_last(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start(status, [*headers, ("Connection", "close")], *rest)

        return app(environ, start_last if leaving.is_set() else start)

    return answer
