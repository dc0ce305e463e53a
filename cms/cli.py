"""The commands. They work beside a running server; long ones show progress and can be interrupted."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cms.errors import CmsError
from cms.settings import Settings, load

if TYPE_CHECKING:
    from cms.actions.check import Finding
    from cms.actions.transfer import Report
    from cms.context import Context

# Everything else is imported by the command that needs it, so that `cms --help` answers at once.


@click.group()
def main() -> None:
    """A JSON API over the Markdown and photos of an Astro site."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--workers", default=1, show_default=True, help="Server processes.")
@click.option("--no-worker", is_flag=True, help="No background work; run `cms worker` elsewhere.")
def serve(host: str, port: int, workers: int, no_worker: bool) -> None:
    """Serve the site, and do its background work."""
    import cms.api  # noqa: F401  once, before the server's processes are forked
    from cms.app import create_context, log_as_json
    from cms.processes import keeping
    from cms.serving import run

    settings = _settings()
    _check_port(host, port)
    with _told():
        from cms.actions.start import prepare

        ctx = create_context(settings)
        prepare(ctx, _progress("reading the site"))
        # The server's processes are forked from this one and must not share its connections.
        ctx.database.dispose()
        ctx.locks.close()
    click.echo(f"Serving {settings.site_folder} on http://{host}:{port} (API description: /docs)", err=True)
    log_as_json()
    with nullcontext() if no_worker else keeping(_start_worker):
        run(settings, host, port, workers)


@main.command()
@click.option("--parent", type=int, hidden=True, help="End when this process does.")
def worker(parent: int | None) -> None:
    """Do the background work: take over changed files, tell webhooks."""
    from cms.actions.worker import work
    from cms.app import log_as_json
    from cms.processes import allow_many_files, end_with

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if parent is not None:
        end_with(parent)
    allow_many_files()
    with _context() as ctx:
        log_as_json()
        work(ctx, stop)


def _check_port(host: str, port: int) -> None:
    """Server processes share their port; without this look, two sites could end up behind one address."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        detail = f"Cannot listen on {host}:{port} ({error.strerror}); choose another with --host or --port."
        raise click.ClickException(detail) from error


def _start_worker() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cms", "worker", "--parent", str(os.getpid())]
    # Else Python waits for the end of a pipe, which server processes that are forked meanwhile would keep open.
    return subprocess.Popen(command, close_fds=False)


@main.group()
def token() -> None:
    """Access tokens."""


@token.command("create")
@click.option("--name", required=True, help="Whose it is; stands in the history.")
@click.option("--scope", "scopes", multiple=True, required=True, help="May be given several times.")
@click.option("--days", type=click.IntRange(1), help="Expires after so many days.")
def create_token(name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token and print it, once."""
    from cms.actions import tokens
    from cms.model.scopes import SERVICE

    with _context() as ctx:
        expires = None if days is None else time.time() + days * 86_400
        click.echo(tokens.create(ctx, SERVICE, name, scopes, expires)[1])


@token.command("list")
def list_tokens() -> None:
    """List the tokens: id, name, scopes, and when each was last used, to the hour."""
    from cms.database import tokens
    from cms.database.engine import read
    from cms.model.published import timestamp

    with _context() as ctx, read(ctx.database) as tx:
        for row in tokens.all_of(tx):
            used = "never used" if row.last_used_at is None else f"used {timestamp(row.last_used_at)}"
            click.echo(f"{row.id}  {row.name}  {' '.join(sorted(tokens.scopes_of(row)))}  {used}")


@token.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """Revoke a token by its id."""
    from cms.actions import tokens

    with _context() as ctx:
        tokens.revoke(ctx, token_id)


@main.command()
@click.option("--accept-deletions", is_flag=True, help="Believe that many files are meant to be gone.")
def sync(accept_deletions: bool) -> None:
    """Take over what changed in the files, now."""
    from cms.actions.reconcile import Reconciler
    from cms.actions.start import settle

    with _context() as ctx:
        progress = _progress("reading changed files")
        report = settle(Reconciler(ctx), accept_deletions=accept_deletions, progress=progress)
    click.echo(f"{report.read} files read, {report.deleted} deletions taken over.")
    if report.held is not None:
        raise click.ClickException(report.held)
    if report.unsettled:
        raise click.ClickException(f"{report.unsettled} files keep changing; run `cms sync` again later.")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.option("--errors", "only_errors", is_flag=True, help="Leave out the warnings.")
def check(as_json: bool, only_errors: bool) -> None:
    """Say what is wrong with the content; ends with 1 when there are errors."""
    from cms.actions.check import check as find
    from cms.actions.reconcile import Reconciler
    from cms.actions.start import settle

    with _context() as ctx:
        settle(Reconciler(ctx))
        findings = [found for found in find(ctx) if found.severity == "error" or not only_errors]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(found) for found in findings], indent=2, ensure_ascii=False))
    else:
        _show(findings)
    if any(found.severity == "error" for found in findings):
        sys.exit(1)


def _show(findings: Sequence[Finding]) -> None:
    """A table: each file, below it what is wrong with it, and at the end how much that is."""
    path = ""
    for found in findings:
        if found.path != path:
            path = found.path
            click.echo(path)
        click.echo(f"  {found.severity:8} {found.code:20} {found.pointer:24} {found.detail}")
    counted = Counter(found.severity for found in findings)
    click.echo(f"{counted['error']} errors, {counted['warning']} warnings." if findings else "No problems.")


@main.group()
def images() -> None:
    """The photos of a site and of its media store (CMS_MEDIA)."""


@images.command()
@click.option("--clean", is_flag=True, help="Take out of them where they were taken (GPS), also of those sent before.")
def push(clean: bool) -> None:
    """Send the site's photos to the media store; what is there already stays."""
    from cms.actions.transfer import push as send

    with _context() as ctx:
        _report(send(ctx, _progress("sending photos"), clean=clean))


@images.command()
def pull() -> None:
    """Bring the media store's photos into the site; what is there already stays."""
    from cms.actions.transfer import pull as fetch

    with _context() as ctx:
        _report(fetch(ctx, _progress("fetching photos")))


def _report(report: Report) -> None:
    cleaned = f"{report.cleaned} cleaned, " if report.cleaned else ""
    click.echo(f"{report.sent} sent, {report.same} the same already, {cleaned}{len(report.refused)} refused.")
    if report.refused:
        raise click.ClickException("Not sent:\n" + "\n".join(f"  {line}" for line in report.refused))


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write all that the site is to one archive: history, tokens, webhooks, working copies, content."""
    from cms.actions.backup import backup as write

    with _context() as ctx:
        number = write(ctx, file, _progress("writing files"))
        click.echo(f"{file}: {number} files. It holds the webhooks' secrets.")
        if ctx.settings.media.startswith("s3:"):
            click.echo("Photos stay in their bucket, and need a backup there.")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Bring a site back from its archive, into an empty CMS_DATABASE and CMS_SITE (src/content alone is there)."""
    from cms.actions.restore import check as check_archive
    from cms.actions.restore import restore as bring_back
    from cms.app import create_context

    with _told():
        settings = load()
        archive = check_archive(file, _progress("checking the archive"))
        number = bring_back(create_context(settings), archive, _progress("writing files"))
    click.echo(f"{number} files and {archive.seq} changes are back. Sites read everything once, then build as before.")


@main.command()
def openapi() -> None:
    """Print the OpenAPI description."""
    from cms.api import create_flask
    from cms.api.spec import to_text
    from cms.model.limits import Limits

    click.echo(to_text(create_flask(Limits())), nl=False)


def _settings() -> Settings:
    with _told():
        return load()


@contextmanager
def _context() -> Iterator[Context]:
    """The site's parts, its database ready."""
    from cms.actions.start import prepare
    from cms.app import create_context

    with _told():
        ctx = create_context(load())
        prepare(ctx, _progress("reading the site"))
        yield ctx


@contextmanager
def _told() -> Iterator[None]:
    """Errors as one plain message."""
    try:
        yield
    except CmsError as error:
        details = "".join(f"\n  {p.pointer}: {p.detail}" for p in error.problems if error.code != "settings")
        raise click.ClickException(error.detail + details) from error


def _progress(what: str) -> Callable[[int, int], None] | None:
    """A bar that grows, where somebody is looking."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        bar = "#" * (30 * done // max(total, 1))
        click.echo(f"\r{what} [{bar:30}] {done} of {total}", err=True, nl=done >= total)

    return show
