"""Runs `python -m tests.corpora`; ends with 1 when a value, an id or an edit is wrong."""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click

import tests.corpora as package
from tests.corpora import editing
from tests.corpora.judge import judged
from tests.corpora.reading import Reading, compared

ENDINGS = (".md", ".markdown", ".mdx")
WRONG = ("read here alone", "other values", "other body")


def files_below(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield path and bytes of each Markdown file, in order, those of hidden folders and of npm packages aside."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        is_other = any(part.startswith(".") or part == "node_modules" for part in parts)
        if path.suffix in ENDINGS and path.is_file() and not is_other:
            yield "/".join(parts), path.read_bytes()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.corpora",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--edits", type=int, default=2, help="saves of each file, of one to three changes (2)")
    parser.add_argument("--seed", type=int, default=1, help="of the edits (1)")
    parser.add_argument("--show", type=int, default=3, help="files to name of each kind (3)")
    options = parser.parse_args()
    files = list(files_below(options.folder))
    sites = judged([(path, data.decode("utf-8", "replace")) for path, data in files])
    readings = [compared(path, data, site) for (path, data), site in zip(files, sites, strict=True)]
    is_wrong = _report(readings, options.show)
    chance = random.Random(options.seed)
    saves = [save for reading in readings for save in editing.saves(reading, options.edits, chance)]
    is_wrong |= editing.report(saves, options.show)
    sys.exit(is_wrong)


def _report(readings: list[Reading], most: int) -> bool:
    """Print how many files were read how; return whether one was read wrongly."""
    click.echo(f"{len(readings):,} files")
    by_verdict = defaultdict(list)
    for reading in readings:
        by_verdict[reading.verdict].append(reading)
    for verdict, found in sorted(by_verdict.items(), key=lambda item: -len(item[1])):
        click.echo(f"{len(found):9,}  {verdict}")
        if verdict != "the same":
            _name(found, most)
    other = [reading for reading in readings if not reading.has_same_id]
    click.echo(f"{len(other):9,}  with another id")
    _name(other, most)
    return bool(other) or any(reading.verdict in WRONG for reading in readings)


def _name(readings: list[Reading], most: int) -> None:
    """Print how often each code is given as the reason, and some files of each."""
    by_code = defaultdict(list)
    for reading in readings:
        match = re.match(r"[a-z0-9_]+(?=: )", reading.detail)
        by_code[match[0] if match else ""].append(reading)
    for code, found in sorted(by_code.items(), key=lambda item: -len(item[1])):
        click.echo(f"{'':11}{len(found):,} {code}" if code else "", nl=bool(code))
        for reading in found[:most]:
            click.echo(f"{'':13}{reading.path}: {reading.detail[:300]}")


if __name__ == "__main__":
    main()
