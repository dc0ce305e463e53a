"""What it takes until the files are known: all of them at first, nothing but a look at them later, and one edit by
hand; and until a command says anything."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from shutil import copytree, rmtree
from typing import NamedTuple

import urllib3

from tests.bench.made_site import edit_one, write_articles
from tests.bench.measure import Options, Row, in_turn, row
from tests.components import cms_server, program, settings_environment
from tests.conftest import SAMPLE

BARE_SUM = """
import re, sys, yaml, comrak, nh3
from pathlib import Path
for path in sorted(Path(sys.argv[1]).rglob("*.md")):
    _, front, body = re.split(r"^---\\n", path.read_bytes().decode(), maxsplit=2, flags=re.MULTILINE)
    yaml.load(front, yaml.CSafeLoader)
    nh3.clean(comrak.render_markdown(body))
"""

BARE_LOOK = """
import os, sys
folders = [sys.argv[1]]
for folder in folders:
    with os.scandir(folder) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
"""

ARTICLE = "/api/v1/articles/news/en/07/article-7"
SEEN_S, SERVING_S, HELP_S = 2.0, 1.0, 0.3


class Took(NamedTuple):
    """Seconds on the clock and of the processor, children counted in."""

    wall: float
    cpu: float


def rows(options: Options) -> Iterator[Row]:
    yield from _commands(options)
    yield from _from_nothing(options)
    yield from _unchanged(options)


def _commands(options: Options) -> Iterator[Row]:
    sample = options.folder / "sample"
    copytree(SAMPLE, sample)
    index(sample)
    helps, serves = in_turn(
        options.rounds, lambda: _command(sample, "--help").wall, partial(_serving, sample, options.folder / "cms.log")
    )
    yield row("cms --help", f"{HELP_S} s", "s", helps, [HELP_S], aim=1.0)
    yield row("cms serve answers, sample site, index in place", f"{SERVING_S} s", "s", serves, [SERVING_S], aim=1.0)


def _from_nothing(options: Options) -> Iterator[Row]:
    site, count = options.folder / "site", options.articles
    write_articles(site, count)
    mine, theirs = in_turn(options.rounds, partial(index, site), partial(_python, BARE_SUM, site / "src/content"))
    told, against = f"Index from nothing, {count:,} articles", "read, YAML, Markdown and sanitising alone"
    yield row(told, against, "s CPU", [one.cpu for one in mine], [one.cpu for one in theirs], aim=2.0)
    yield row(told, f"{against}, one after the other", "s", [one.wall for one in mine], [one.wall for one in theirs])


def _unchanged(options: Options) -> Iterator[Row]:
    """What a look costs is told without what the two commands cost that look at next to nothing."""
    site, empty, count = options.folder / "many", options.folder / "empty", options.many
    write_articles(site, count)
    write_articles(empty, 1)
    for one in (site, empty):
        index(one)
    looks = (
        act
        for one in (site, empty)
        for act in (partial(_command, one, "sync"), partial(_python, BARE_LOOK, one / "src/content"))
    )
    mine, theirs, my_start, their_start = ([took.cpu for took in side] for side in in_turn(options.rounds, *looks))
    costs = (
        [max(0.0, all_of_it - start) for all_of_it, start in zip(*pair, strict=True)]
        for pair in ((mine, my_start), (theirs, their_start))
    )
    told, against = f"Look at {count:,} unchanged files", "os.scandir and stat of them"
    yield row(told, against, "s CPU", *costs, aim=3.0)
    with cms_server(site, options.folder / "cms.log") as running:
        pool = urllib3.HTTPConnectionPool("127.0.0.1", running.port)
        _seen(pool, site, -1)  # by then the first look at all files is over
        seen = [_seen(pool, site, number) for number in range(options.rounds)]
    yield row(f"An edit by hand among {count:,} files is seen", f"{SEEN_S} s", "s", seen, [SEEN_S], aim=1.0)


def index(site: Path) -> Took:
    """Have all files read, as if nobody had ever seen them."""
    rmtree(site / ".cms", ignore_errors=True)
    return _command(site, "sync")


def _command(site: Path, *arguments: str) -> Took:
    return _run([str(program("cms")), *arguments], settings_environment(site))


def _python(code: str, *arguments: Path) -> Took:
    return _run([sys.executable, "-c", code, *map(str, arguments)], os.environ)


def _run(command: list[str], environment: Mapping[str, str]) -> Took:
    begun = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Took(time.perf_counter() - begun, used.ru_utime + used.ru_stime)


def _serving(site: Path, log: Path) -> float:
    """Seconds until it answers."""
    begun = time.perf_counter()
    with cms_server(site, log):
        return time.perf_counter() - begun


def _seen(pool: urllib3.HTTPConnectionPool, site: Path, number: int) -> float:
    """Seconds until the service answers with the edit."""
    title = f"By hand {number} of {time.time_ns()}"
    edit_one(site, title)
    return _until(lambda: title.encode() in pool.request("GET", ARTICLE).data)


def _until(is_so: Callable[[], bool]) -> float:
    begun = time.perf_counter()
    while not is_so():
        assert time.perf_counter() - begun < 60
        time.sleep(0.02)
    return time.perf_counter() - begun
