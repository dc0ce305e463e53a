"""The commands for what a site holds: its files, its photos, its backup."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cms.cli.common import an_unprepared_site, progress_bar, the_settings, the_site, told

if TYPE_CHECKING:
    from cms.actions.transfer import Report


@click.command()
@click.option("--accept-deletions", is_flag=True, help="Believe that many files are meant to be gone.")
def sync(accept_deletions: bool) -> None:
    """Take over what changed in the files, now."""
    from cms.actions.reconcile import Reconciler
    from cms.actions.start import prepare, settle

    with an_unprepared_site() as ctx:
        read = prepare(ctx, progress_bar("reading the site"))
        progress = progress_bar("reading changed files")
        report = settle(Reconciler(ctx), accept_deletions=accept_deletions, progress=progress)
    click.echo(f"{read + report.read} files read, {report.deleted} deletions taken over.")
    if report.held is not None:
        raise click.ClickException(report.held)
    if report.unsettled:
        raise click.ClickException(f"{report.unsettled} files keep changing; run `cms sync` again later.")


@click.group()
def images() -> None:
    """The photos of a site and of its media store (CMS_MEDIA)."""


@images.command()
@click.option("--clean", is_flag=True, help="Take out of them where they were taken (GPS), also of those sent before.")
def push(clean: bool) -> None:
    """Send the site's photos to the media store; what is there already stays."""
    from cms.actions.transfer import push as send

    with the_site() as ctx:
        _report(send(ctx, progress_bar("sending photos"), clean=clean))


@images.command()
def pull() -> None:
    """Bring the media store's photos into the site; what is there already stays."""
    from cms.actions.transfer import pull as fetch

    with the_site() as ctx:
        _report(fetch(ctx, progress_bar("fetching photos")))


@click.group("site")
def site_group() -> None:
    """All files of a site, to bring it from a folder into a bucket or back."""


@site_group.command("push")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def push_site(folder: Path) -> None:
    """Send the site in FOLDER to CMS_SITE; what is there already stays."""
    from cms.actions.site_files import push as send

    with the_site() as ctx:
        _report(send(ctx, folder, progress_bar("sending files")))


@site_group.command("pull")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def pull_site(folder: Path) -> None:
    """Bring the site at CMS_SITE into FOLDER; what is there already stays."""
    from cms.actions.site_files import pull as fetch

    with the_site() as ctx:
        _report(fetch(ctx, folder, progress_bar("fetching files")))


def _report(report: Report) -> None:
    cleaned = f"{report.cleaned} cleaned, " if report.cleaned else ""
    click.echo(f"{report.sent} sent, {report.same} the same already, {cleaned}{len(report.refused)} refused.")
    if report.refused:
        raise click.ClickException("Not sent:\n" + "\n".join(f"  {line}" for line in report.refused))


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--photo", metavar="PATH", help="Instead: a deleted photo, by its path below src/assets.")
def purge(dry_run: bool, photo: str | None) -> None:
    """Take a secret that was saved once, and is corrected, out of the history; it is asked for, or read from stdin."""
    from cms.actions.purge import purge as take_out
    from cms.actions.purge import purge_photo

    secret = "" if photo else _secret()
    with the_site() as ctx:
        done = purge_photo(ctx, photo, is_dry_run=dry_run) if photo else take_out(ctx, secret, is_dry_run=dry_run)
    for line in done.out:
        click.echo(f"{'would go' if dry_run else 'gone'}: {line}")
    click.echo("" if done.out else "Nothing that is kept holds it.", nl=not done.out)
    if done.left:
        raise click.ClickException("It still stands in:\n" + "\n".join(f"  {line}" for line in done.left))
    click.echo(
        "Change the secret itself: who has read it knows it. Not reached from here are backups made before, commits in"
        " git (git filter-repo, a forced push, `cms git accept`, then `git reflog expire --expire=now --all` and `git"
        " gc --prune=now` in the site's clone), PostgreSQL's archived log, and builds of the site."
    )


def _secret() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("The secret, as it stood in the article", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


@click.command("fresh-start")
def fresh_start() -> None:
    """Begin a new database from the files, when the old one is lost; its history, tokens and copies stay lost."""
    from cms.actions.fresh_start import fresh_start as begin
    from cms.app import create_context

    with told():
        begin(create_context(the_settings()), progress_bar("reading the site"))
    click.echo("The history begins anew. Make new tokens with `cms token create`; sites read everything once.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write all that the site is to one archive: history, tokens, webhooks, working copies, content."""
    from cms.actions.backup import backup as write

    with the_site() as ctx:
        number = write(ctx, file, progress_bar("writing files"))
        click.echo(f"{file}: {number} files. It holds the webhooks' secrets.")
        if ctx.settings.is_media_apart and ctx.settings.media.startswith("s3:"):
            click.echo("Photos stay in their bucket, and need a backup there.")


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--keep-content", is_flag=True, help="Only the database is lost: articles and photos stay as they are.")
def restore(file: Path, keep_content: bool) -> None:
    """Bring a site back from its archive, into an empty CMS_DATABASE and CMS_SITE (src/content alone is there)."""
    from cms.actions.archive import check as check_archive
    from cms.actions.restore import restore as bring_back
    from cms.app import create_context

    with told():
        settings = the_settings()
        archive = check_archive(file, progress_bar("checking the archive"))
        ctx, progress = create_context(settings), progress_bar("writing files")
        number = bring_back(ctx, archive, progress, keeps_content=keep_content)
    click.echo(f"{number} files and {archive.seq} changes are back. Sites read everything once, then build as before.")
