"""Variants of photos beside sharp: the same files, the same widths, in one run.

    python -m tests.bench.photos [--rounds N] PHOTO…

Processor time and peak memory of a process of its own for each, the median of the rounds. Besides, once: how large the
photos are when they are stored as an editor's, cleaned and coded anew.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from cms.model.variant_sizes import WIDTHS
from tests.components import PACKAGE, node_with_packages

OURS = """
import sys, tempfile, pathlib
from cms.model.photo_variants import render
for name in sys.argv[1:]:
    with tempfile.TemporaryDirectory() as folder, open(name, "rb") as stream:
        render(stream, pathlib.Path(folder), "webp")
"""

STORE = """
import sys
from cms.model.limits import Limits
from cms.model.photo import prepare
for number, name in enumerate(sys.argv[2:]):
    with open(name, "rb") as stream, open(f"{sys.argv[1]}/{number}", "w+b") as out:
        prepare(stream, out, name, "", Limits())
"""

SHARP = """
import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
const [home, widths, ...names] = process.argv.slice(1);
const sharp = createRequire(home)('sharp');
for (const name of names) {
  const folder = mkdtempSync('/tmp/sharp-');
  const whole = sharp(name).rotate();
  const { width, height, orientation } = await sharp(name).metadata();
  const upright = (orientation ?? 1) > 4 ? height : width;
  const wanted = JSON.parse(widths).filter((one) => one <= upright);
  await Promise.all(
    wanted.map((one) => whole.clone().resize(one).webp({ quality: 80, effort: 4 }).toFile(`${folder}/${one}.webp`)),
  );
  rmSync(folder, { recursive: true });
}
"""


def measure(command: list[str]) -> tuple[float, float]:
    """Processor seconds and peak memory in MB."""
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command[0]
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def store(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seconds, megabytes = measure([sys.executable, "-c", STORE, folder, *names])
        before, after = (sum(map(os.path.getsize, found)) / 1e6 for found in (names, Path(folder).iterdir()))
    click.echo(f"stored: {before:.2f} MB become {after:.2f} MB in {seconds:.2f} s, with {megabytes:.0f} MB of memory")


def main() -> None:
    parser = argparse.ArgumentParser(description="Variants of photos beside sharp.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("photos", nargs="+", type=Path)
    options = parser.parse_args()
    names = [str(path.resolve()) for path in options.photos]
    node = node_with_packages()
    commands = {
        "ours": [sys.executable, "-c", OURS, *names],
        "sharp": [node, "--input-type=module", "-e", SHARP, str(PACKAGE / "package.json"), json.dumps(WIDTHS), *names],
        "ours, nothing to do": [sys.executable, "-c", OURS],
        "sharp, nothing to do": [node, "--input-type=module", "-e", SHARP, str(PACKAGE / "package.json"), "[]"],
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            found[name].append(measure(command))
    median = {name: tuple(map(statistics.median, zip(*rounds, strict=True))) for name, rounds in found.items()}
    for name, (seconds, megabytes) in median.items():
        click.echo(f"{name:22} {seconds:7.2f} s   {megabytes:6.0f} MB")
    store(names)
    ratios = [ours / theirs for ours, theirs in zip(median["ours"], median["sharp"], strict=True)]
    click.echo(f"ratio: {ratios[0]:.2f} of the processor time, {ratios[1]:.2f} of the memory; {len(names)} photos")


if __name__ == "__main__":
    main()
