"""What the commands share: the site they are for, errors in plain words, and a bar that grows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from cms.errors import CmsError
from cms.outages import of_errno
from cms.settings import Settings, load

if TYPE_CHECKING:
    from cms.context import Context


def the_settings() -> Settings:
    """Those of the environment."""
    with told():
        return load()


@contextmanager
def the_site() -> Iterator[Context]:
    """The site's parts, its database ready."""
    from cms.actions.start import prepare

    with an_unprepared_site() as ctx:
        prepare(ctx, progress_bar("reading the site"))
        yield ctx


@contextmanager
def an_unprepared_site() -> Iterator[Context]:
    """The site's parts, before `prepare` has seen to the database."""
    from cms.app import close_context, create_context

    with told():
        ctx = create_context(load())
        try:
            yield ctx
        finally:
            close_context(ctx)


@contextmanager
def told() -> Iterator[None]:
    """Errors as one plain message."""
    try:
        yield
    except CmsError as error:
        details = "".join(f"\n  {p.pointer}: {p.detail}" for p in error.problems if error.code != "settings")
        raise click.ClickException(error.for_operators + details) from error
    except OSError as error:
        if error.filename is None:
            raise
        raise click.ClickException(str(of_errno(error, error.filename))) from error


def progress_bar(what: str) -> Callable[[int, int], None] | None:
    """A bar that grows, where somebody is looking."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        bar = "#" * (30 * done // max(total, 1))
        click.echo(f"\r{what} [{bar:30}] {done} of {total}", err=True, nl=done >= total)

    return show
