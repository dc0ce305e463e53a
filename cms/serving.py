"""Runs the application on granian."""

from __future__ import annotations

import functools
import logging
import os
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from cms.processes import end_with
from cms.settings import Settings

# More threads than this wait for Python's lock and for the database; requests beyond the queue wait in the socket.
THREADS = 4
QUEUE = 64


def run(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT, then finish what was begun."""
    server = Server(
        "cms",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=workers,
        blocking_threads=THREADS,
        backpressure=QUEUE,
        workers_kill_timeout=25,
        respawn_failed_workers=True,
        http=HTTPModes.http1,  # who speaks HTTP/2 to the public is the proxy; finding out costs each request
        log_enabled=False,
    )
    server.serve(target_loader=functools.partial(_load, settings, os.getpid()))


def _load(settings: Settings, parent: int, *_target: Any) -> Any:
    """Called in each server process."""
    from cms.app import create_app, log_as_json

    end_with(parent)
    log_as_json()
    logging.getLogger("cms").info("serving")
    return create_app(settings)
