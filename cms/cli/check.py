"""The command that says what is wrong with a site's content."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import click

from cms.cli.common import the_site

if TYPE_CHECKING:
    from cms.actions.finding import Finding

SHOWN = 100
"""Findings of a table, unless `--max` says otherwise."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table; all findings without --max.")
@click.option("--errors", "only_errors", is_flag=True, help="Leave out the warnings.")
@click.option("--code", "codes", metavar="CODE", multiple=True, help="Only findings of this code; may be repeated.")
@click.option("--max", "most", type=click.IntRange(0), help=f"Show so many findings ({SHOWN}); 0 shows all.")
def check(as_json: bool, only_errors: bool, codes: tuple[str, ...], most: int | None) -> None:
    """Say what is wrong with the content: errors, which break the site or a page, and warnings.

    Ends with 1 when there are errors. Missing translations are summed up for each collection;
    `--code translation_missing` names each.
    """
    from cms.actions.check import check as find
    from cms.actions.reconcile import Reconciler
    from cms.actions.start import settle

    with the_site() as ctx:
        settle(Reconciler(ctx))
        found = find(ctx, each_translation="translation_missing" in codes)
    of_code = [one for one in found if not codes or one.code in codes]
    chosen = [one for one in of_code if one.severity == "error" or not only_errors]
    if as_json:
        shown = [dataclasses.asdict(one) for one in chosen[: most or None]]
        click.echo(json.dumps(shown, indent=2, ensure_ascii=False))
    else:
        _show(chosen, SHOWN if most is None else most or len(chosen))
    if any(one.severity == "error" for one in chosen):
        sys.exit(1)


def _show(findings: Sequence[Finding], most: int) -> None:
    """Print the totals by code, then at most so many findings by file, those of errors first."""
    if not findings:
        click.echo("No problems.")
        return
    counted = Counter(found.severity for found in findings)
    totals = (f"{counted[word]:,} {word}{'' if counted[word] == 1 else 's'}" for word in ("error", "warning"))
    click.echo(f"{', '.join(totals)}:")
    by_code = Counter((found.severity, found.code) for found in findings)
    for (severity, code), number in sorted(by_code.items(), key=lambda item: (item[0][0], -item[1])):
        click.echo(f"  {number:9,} {severity:8} {code}")
    in_order = sorted(findings, key=lambda found: found.severity)  # as they come otherwise
    for path, of_file in groupby(in_order[:most], key=lambda found: found.path):
        click.echo(f"\n{path}")
        for found in of_file:
            where = f"{found.pointer}: " if found.pointer else ""
            click.echo(f"  {found.severity:8} {found.code:20} {where}{found.detail}")
    if len(findings) > most:
        click.echo(f"\n{most:,} of {len(findings):,} are shown. --max 0 shows all, --code CODE those of one code.")
