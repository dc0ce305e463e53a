"""The command that says what is wrong with a site's content, or with its storage."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from cms.cli.common import an_unprepared_site, progress_bar, the_settings, the_site, told

if TYPE_CHECKING:
    from cms.actions.finding import Finding

SHOWN = 100
"""Findings of a table, unless `--max` says otherwise."""


def _origin_of(_context: click.Context, _option: click.Parameter, url: str | None) -> str | None:
    """Return the URL's scheme, host and port, as browsers send them."""
    if url is None:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise click.BadParameter("it is no URL; give one such as https://www.example.org")
    return f"{parts.scheme}://{parts.netloc.lower()}"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table; all findings without --max.")
@click.option("--errors", "only_errors", is_flag=True, help="Leave out the warnings.")
@click.option("--code", "codes", metavar="CODE", multiple=True, help="Only findings of this code; may be repeated.")
@click.option("--max", "most", type=click.IntRange(0), help=f"Show so many findings ({SHOWN}); 0 shows all.")
@click.option(
    "--storage", is_flag=True, help="Instead: try what the folders and buckets can do, and what the public sees."
)
@click.option(
    "--origin",
    metavar="URL",
    callback=_origin_of,
    help="With --storage: whether pages from https://… may PUT photos (CORS).",
)
def check(
    as_json: bool, only_errors: bool, codes: tuple[str, ...], most: int | None, storage: bool, origin: str | None
) -> None:
    """Say what is wrong with the content: errors, which break the site or a page, and warnings.

    Ends with 1 when there are errors. Missing translations are summed up for each collection;
    `--code translation_missing` names each.
    """
    if origin is not None and not storage:
        raise click.UsageError("--origin goes with --storage.")
    found = _in_storage(origin) if storage else _in_content(each_translation="translation_missing" in codes)
    of_code = [one for one in found if not codes or one.code in codes]
    chosen = [one for one in of_code if one.severity == "error" or not only_errors]
    worst_first = sorted(chosen, key=attrgetter("rank"))  # as they come otherwise
    if as_json:
        shown = [dataclasses.asdict(one) for one in chosen[: most or None]]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _show(worst_first, SHOWN if most is None else most or len(chosen))
    if any(one.severity == "error" for one in chosen):
        sys.exit(1)


def _in_content(*, each_translation: bool) -> list[Finding]:
    from cms.actions.check import check as find
    from cms.actions.reconcile import Reconciler
    from cms.actions.start import settle

    with the_site() as ctx:
        settle(Reconciler(ctx))
        return find(ctx, each_translation=each_translation)


def _in_storage(origin: str | None) -> list[Finding]:
    """Return the findings of all storage, and of the photos in it where the site can be read."""
    from cms.actions.check_public_photos import check_public_photos
    from cms.actions.check_storage import check_storage, is_readable
    from cms.actions.finding import Finding

    settings = the_settings()
    with told():
        found = check_storage(settings, origin, progress_bar("trying the storage"))
    if is_readable(found):
        try:
            with an_unprepared_site() as ctx:
                found += check_public_photos(ctx)
        except click.ClickException as error:
            found.append(Finding("error", settings.site, "", error.message, "site_unreadable"))
    return found


def _show(findings: Sequence[Finding], most: int) -> None:
    """Print the totals by code, then at most so many findings by file, those of errors first."""
    by_code = Counter((found.severity, found.code) for found in findings if found.severity != "info")
    counted = Counter(found.severity for found in findings)
    totals = (f"{counted[word]:,} {word}{'' if counted[word] == 1 else 's'}" for word in ("error", "warning"))
    click.echo(f"{', '.join(totals)}:" if by_code else "No problems.")
    for (severity, code), number in sorted(by_code.items(), key=lambda item: (item[0][0], -item[1])):
        click.echo(f"  {number:9,} {severity:8} {code}")
    for path, of_file in groupby(findings[:most], key=lambda found: found.path):
        click.echo(f"\n{path}")
        for found in of_file:
            where = f"{found.pointer}: " if found.pointer else ""
            click.echo(f"  {found.severity:8} {found.code:20} {where}{found.detail}")
    if len(findings) > most:
        click.echo(f"\n{most:,} of {len(findings):,} are shown. --max 0 shows all, --code CODE those of one code.")
