"""The commands. They work beside a running server; long ones show progress and can be interrupted."""

from __future__ import annotations

import click

from cms.cli import check, content, git, serve, tokens

# Everything else is imported by the command that needs it, so that `cms --help` answers at once.


@click.group()
def main() -> None:
    """A JSON API over the Markdown and photos of an Astro site."""


@main.command()
def openapi() -> None:
    """Print the OpenAPI description."""
    from cms.api import create_flask
    from cms.api.spec import to_text
    from cms.model.limits import Limits

    click.echo(to_text(create_flask(Limits())), nl=False)


for command in (
    serve.serve,
    serve.worker,
    tokens.token,
    content.sync,
    check.check,
    content.images,
    content.site_group,
    content.backup,
    content.restore,
    content.fresh_start,
    content.purge,
    git.git_group,
):
    main.add_command(command)
