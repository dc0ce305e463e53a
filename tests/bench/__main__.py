"""All figures, side by side with the real peers, in one run.

    python -m tests.bench [NAME…] [--small] [--rounds N] [--json FILE] [--plot FILE]
    python -m tests.bench --compare BEFORE.json AFTER.json

Prints each row with its ratio and its aim. `--plot` draws (SVG) what our side costs as the site grows.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import tempfile
from pathlib import Path

import click

from tests.bench.measure import Options, Row, machine, table
from tests.bench.plot import plot

NAMES = ("reads", "feed", "lists", "index", "writes", "growth", "nodes", "variants_wait")
SMALL = {"rounds": 1, "articles": 60, "many": 200, "seconds": 1.0, "is_small": True}


def main() -> None:
    parser = argparse.ArgumentParser(description="Our figures beside those of the peers.")
    parser.add_argument("names", nargs="*", default=NAMES, metavar="NAME", help=f"of {', '.join(NAMES)}; default: all")
    parser.add_argument("--small", action="store_true", help="a small site, once: shows that it works, not how fast")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--plot", type=Path, help="draw cost against size here")
    parser.add_argument("--compare", type=Path, nargs=2, help="show how ratios changed between two such files")
    options = parser.parse_args()
    if options.compare:
        click.echo(compare(*(json.loads(path.read_text())["rows"] for path in options.compare)))
        return
    about, found = machine(), measured(options.names, options.small, options.rounds)
    click.echo(f"{table(found)}\n{about}")
    if options.json:
        rows = [{**dataclasses.asdict(row), "ratio": row.ratio, "is_met": row.is_met} for row in found]
        options.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=1, ensure_ascii=False) + "\n")
    if options.plot:
        options.plot.write_text(plot(found))


def measured(names: list[str], is_small: bool, rounds: int | None) -> list[Row]:
    found: list[Row] = []
    for name in names:
        with tempfile.TemporaryDirectory(prefix="cms-bench-") as folder:
            options = Options(Path(folder), **(SMALL if is_small else {}))  # type: ignore[arg-type]
            if rounds is not None:
                options = dataclasses.replace(options, rounds=rounds)
            for row in importlib.import_module(f"tests.bench.{name}").rows(options):
                click.echo(f"{name}: {row.work}: {row.ratio:.2f}", err=True)
                found.append(row)
    return found


def compare(before: list[dict[str, object]], after: list[dict[str, object]]) -> str:
    """Each row's ratio then and now."""
    old = {(row["work"], row["against"], row["size"]): row["ratio"] for row in before}
    lines = []
    for row in after:
        was = old.get((row["work"], row["against"], row["size"]))
        then = "   new" if not isinstance(was, float) else f"{was:6.2f}"
        lines.append(f"{row['work']!s:58} {then} → {row['ratio']:6.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
