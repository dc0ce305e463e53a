"""The commands that serve a site."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import nullcontext
from urllib.parse import unquote

import click

from cms.cli.common import progress_bar, the_settings, the_site, told


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Server processes.")
@click.option("--no-worker", is_flag=True, help="No background work; run `cms worker` elsewhere.")
@click.option(
    "--drain",
    type=click.FloatRange(0, 600),
    default=5.0,
    show_default=True,
    help="For so many seconds after SIGTERM, /readyz says 503 and all else is served on.",
)
def serve(host: str, port: int, workers: int, no_worker: bool, drain: float) -> None:
    """Serve the site, and do its background work."""
    import cms.api  # noqa: F401  once, before the server's processes are forked
    from cms.app import close_context, create_context, log_as_json
    from cms.processes import keeping
    from cms.serving import run

    settings = the_settings()
    _check_port(host, port)
    with told():
        from cms.actions.start import prepare

        ctx = create_context(settings)
        prepare(ctx, progress_bar("reading the site"))
        # The server's processes are forked from this one and must not share its connections.
        close_context(ctx)
    site = unquote(settings.site.removeprefix("file://"))
    click.echo(f"Serving {site} on http://{host}:{port} (API description: /docs)", err=True)
    log_as_json()
    with nullcontext() if no_worker else keeping(_start_worker):
        run(settings, host, port, workers, drain)


@click.command()
@click.option("--parent", type=int, hidden=True, help="End when this process does.")
@click.option("--beat", type=int, hidden=True, help="Touch this file descriptor while the work goes on.")
def worker(parent: int | None, beat: int | None) -> None:
    """Do the background work: take over changed files, tell webhooks."""
    from cms.actions.steps import Steps
    from cms.actions.worker import work
    from cms.app import log_as_json
    from cms.processes import allow_many_files, beat_while, end_with

    stop, steps = threading.Event(), Steps()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if parent is not None:
        end_with(parent)
    if beat is not None:
        beat_while(steps.is_moving, beat)
    allow_many_files()
    with the_site() as ctx:
        log_as_json()
        work(ctx, stop, steps)


def _check_port(host: str, port: int) -> None:
    """Server processes share their port; without this look, two sites could end up behind one address."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        detail = f"Cannot listen on {host}:{port} ({error.strerror}); choose another with --host or --port."
        raise click.ClickException(detail) from error


def _start_worker(beat: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "cms", "worker", "--parent", str(os.getpid()), "--beat", str(beat)]
    # Else Python waits for the end of a pipe, which server processes that are forked meanwhile would keep open.
    return subprocess.Popen(command, close_fds=False)
