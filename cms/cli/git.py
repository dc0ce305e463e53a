"""The commands for the git repository that a site lies in."""

from __future__ import annotations

import click

from cms.cli.common import the_site


@click.group("git")
def git_group() -> None:
    """The site's git repository, and the remote that it shares with developers."""


@git_group.command()
def accept() -> None:
    """Go on from a remote branch that was rewritten, or that was deleted and is to come back."""
    from cms.actions.rewritten import accept as go_on

    with the_site() as ctx:
        done = go_on(ctx)
    if done.commit is None:
        click.echo("The site's branch is pushed anew, with all of its history.")
        return
    click.echo(f"The site's branch ends in {done.commit[:12]}, {done.replayed} commit(s) of its own on the remote's.")
    if done.conflicts:
        paths = "".join(f"\n  {path}" for path in done.conflicts)
        raise click.ClickException(f"Not pushed until somebody decides (GET /api/v1/conflicts):{paths}")
