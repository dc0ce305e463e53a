"""How long one node may go on answering from memory what another node has changed.

    python -m tests.bench.node_lag [--saves N]

Two nodes with one bucket and one PostgreSQL; what the processes of a node share they share with no other. Prints how
long after the acknowledgement of a save on one node the last read began on the other that told an older text.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import pytest

from tests.api.editing import TEXT
from tests.bench.made_site import write_articles
from tests.bench.measure import machine
from tests.components import CmsServer, cms, cms_server, s3_environment, s3_server
from tests.postgres import Packaged, postgres
from tests.trust.reading import Read, reading
from tests.trust.saving import Editor

PATH = "/api/v1/articles/news/en/read-often"
CLIENTS, READS_A_SAVE = 2, 100


def main() -> None:
    parser = argparse.ArgumentParser(description="How long other nodes tell what was, in milliseconds.")
    parser.add_argument("--saves", type=int, default=200)
    saves = parser.parse_args().saves
    with tempfile.TemporaryDirectory(prefix="cms-bench-") as folder, ExitStack() as stack:
        writer, reader, token = _nodes(Path(folder), stack)
        editor, saved = Editor(writer.url + PATH, token), []
        with reading(reader.port, PATH, CLIENTS) as readers:
            for number in range(1, saves + 1):
                readers.wait_for_more(READS_A_SAVE)
                saved.append(Read(number, *editor.save({"title": f"Save {number}"})))
            readers.wait_for_more(READS_A_SAVE)
    lags = sorted(_lag(save, readers.reads) * 1e3 for save in saved)
    late = sum(lag > 0 for lag in lags)
    click.echo(
        f"{saves} saves, {len(readers.reads)} reads; after {late} of the saves the other node told what was:"
        f" median {statistics.median(lags):.1f} ms, p99 {lags[int(len(lags) * 0.99)]:.1f} ms, at most {lags[-1]:.1f} ms"
    )
    click.echo(machine())


def _nodes(folder: Path, stack: ExitStack) -> tuple[CmsServer, CmsServer, str]:
    site, buckets = folder / "site", folder / "buckets"
    write_articles(site, 20)
    (site / "src/content/news/en/read-often.md").write_text(TEXT.replace("A day at the library", "Save 0"))
    (buckets / "site").mkdir(parents=True)
    database = stack.enter_context(postgres(Packaged))
    patched = stack.enter_context(pytest.MonkeyPatch.context())
    for name, value in s3_environment(stack.enter_context(s3_server(buckets))).items():
        patched.setenv(name, value)
    settings = {"CMS_SITE": "s3://site/a", "CMS_DATABASE": database.url}
    pushed = cms(site, "site", "push", str(site), **settings)
    assert pushed.returncode == 0, pushed.stderr
    nodes = []
    for name in ("writer", "reader"):
        (folder / name).mkdir()
        own = {"TMPDIR": str(folder / name)}
        nodes.append(stack.enter_context(cms_server(site, folder / f"{name}.log", **settings, **own)))
    token = cms(site, "token", "create", "--name", "bench", "--scope", "admin", **settings).stdout.strip()
    return nodes[0], nodes[1], token


def _lag(save: Read, reads: list[Read]) -> float:
    """Seconds from the acknowledgement to the beginning of the last read that told an older text."""
    return max(0.0, *(read.began - save.ended for read in reads if read.number < save.number))


if __name__ == "__main__":
    main()
