"""The commands for access tokens."""

from __future__ import annotations

import click

from cms.cli.common import the_site


@click.group()
def token() -> None:
    """Access tokens."""


@token.command("create")
@click.option("--name", required=True, help="Whose it is; stands in the history.")
@click.option("--scope", "scopes", multiple=True, required=True, help="May be given several times.")
@click.option("--days", type=click.IntRange(1, 36_500), help="Expires after so many days.")
def create_token(name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Create a token and print it, once."""
    from cms.actions import tokens
    from cms.database import clock
    from cms.model.scopes import SERVICE

    with the_site() as ctx:
        expires = None if days is None else clock.of(ctx.database)() + days * 86_400
        click.echo(tokens.create(ctx, SERVICE, name, scopes, expires)[1])


@token.command("list")
def list_tokens() -> None:
    """List the tokens: id, name, scopes, and when each was last used, to the hour."""
    from cms.database import tokens
    from cms.database.engine import read
    from cms.model.published import timestamp

    with the_site() as ctx, read(ctx.database) as tx:
        for row in tokens.all_of(tx):
            used = "never used" if row.last_used_at is None else f"used {timestamp(row.last_used_at)}"
            click.echo(f"{row.id}  {row.name}  {' '.join(sorted(tokens.scopes_of(row)))}  {used}")


@token.command("revoke")
@click.argument("token_id")
def revoke_token(token_id: str) -> None:
    """Revoke a token by its id."""
    from cms.actions import tokens
    from cms.model.scopes import SERVICE

    with the_site() as ctx:
        tokens.revoke(ctx, SERVICE, token_id)
