"""Builds from the CMS beside Astro's own loader of local files: the same articles, in one run.

    python -m tests.bench.astro [--articles N] [--rounds N] [--astro 5 --astro 7]

`astro sync` of 2 KB articles without photos. Processor seconds, the median of the rounds; those of the CMS while it
serves, without its background work, are counted in and shown apart. "prepared" is the floor of a first build with
`render: "cms"`: the same entries from one local file, no CMS. Bytes on the wire are gzipped as a proxy would.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import urllib3

from tests.astro_site import AstroSite, Package, make_site, pack
from tests.bench.made_site import edit_one, write_articles
from tests.bench.measure import processor_seconds
from tests.components import CmsServer, cms, cms_server

FIELDS = {"astro": "path,images,text", "cms": "path,images,data,dates,body,html,headings"}
"""What the loader asks for, by who renders."""


@dataclass
class Bench:
    package: Package
    version: int
    content: Path
    folder: Path
    server: CmsServer
    rounds: int

    def site(self, kind: str) -> AstroSite:
        """A small site, of its own files (`glob`) or of the CMS (`astro`, `cms`: who renders)."""
        url = None if kind == "glob" else self.server.url
        made = make_site(self.package, self.version, "bench", self.folder / f"{self.version}-{kind}", url=url)
        if kind == "glob":
            shutil.copytree(self.content / "src", made.folder / "src", dirs_exist_ok=True)
        return made

    def median(self, site: AstroSite, before: Callable[[int], object], **env: str) -> tuple[float, float]:
        """Processor seconds of `astro sync` and of the CMS meanwhile."""
        found = []
        for number in range(self.rounds):
            before(number)
            served = processor_seconds(self.server.process.pid)
            command = [site.node, "node_modules/.bin/astro", "sync"]
            process = subprocess.Popen(
                command,
                cwd=site.folder,
                env=site.environment(**env),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            assert process.returncode == 0, site.folder
            found.append((usage.ru_utime + usage.ru_stime, processor_seconds(self.server.process.pid) - served))
        return statistics.median(own for own, _ in found), statistics.median(cms for _, cms in found)

    def run(self) -> dict[str, tuple[float, float]]:
        local, by_astro, by_cms = (self.site(kind) for kind in ("glob", "astro", "cms"))
        empty = make_site(self.package, self.version, "bench", self.folder / f"{self.version}-empty")
        rendered = {"CMS_TEST_OPTIONS": json.dumps({"render": "cms"})}
        found = {
            "empty collection": self.median(empty, forget(empty)),
            "glob, cold": self.median(local, forget(local)),
            "prepared, cold": self.median(empty, forget(empty), CMS_TEST_PREPARED=str(self.prepared())),
            "render astro, cold": self.median(by_astro, forget(by_astro)),
            "render cms, cold": self.median(by_cms, forget(by_cms), **rendered),
        }
        found["glob, one changed"] = self.median(local, lambda number: edit_one(local.folder, f"Again {number}"))
        found["render astro, none changed"] = self.median(by_astro, lambda _: None)
        found["render astro, one changed"] = self.median(by_astro, self.edit)
        found["render cms, none changed"] = self.median(by_cms, lambda _: None, **rendered)
        found["render cms, one changed"] = self.median(by_cms, self.edit, **rendered)
        return found

    def prepared(self) -> Path:
        file = self.folder / f"{self.version}.ndjson"
        fields = FIELDS["cms"]
        file.write_bytes(urllib3.request("GET", f"{self.server.url}/api/v1/sync?collection=news&fields={fields}").data)
        return file

    def edit(self, number: int) -> None:
        edit_one(self.content, f"Edited {number} {os.urandom(4).hex()}")
        assert cms(self.content, "sync").returncode == 0


def forget(site: AstroSite) -> Callable[[int], object]:
    return lambda _: shutil.rmtree(site.cache, ignore_errors=True)


def wire(server: CmsServer, content: Path) -> dict[str, tuple[int, int]]:
    """Bytes, gzipped, of one changed article in the feed and of its file."""
    found = {}
    for render, fields in FIELDS.items():
        query = f"{server.url}/api/v1/sync?collection=news&fields={fields}"
        cursor = json.loads(urllib3.request("GET", query).data.splitlines()[-1])["cursor"]
        path = edit_one(content, f"Wire {render}")
        assert cms(content, "sync").returncode == 0
        line = urllib3.request("GET", f"{query}&cursor={cursor}").data
        found[render] = len(gzip.compress(line)), len(gzip.compress(path.read_bytes()))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds from the CMS beside builds from files.")
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--astro", type=int, action="append", choices=(5, 6, 7))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cms-bench-") as name:
        folder = Path(name)
        content = folder / "content"
        write_articles(content, options.articles)
        package = pack(folder / "npm")
        assert cms(content, "sync").returncode == 0
        with cms_server(content, folder / "cms.log", "--no-worker") as server:
            for version in options.astro or (5, 7):
                found = Bench(package, version, content, folder, server, options.rounds).run()
                click.echo(f"Astro {version}, {options.articles} articles: Astro + CMS = processor seconds")
                for case, (own, served) in found.items():
                    base = found["glob, one changed" if case.endswith("changed") else "glob, cold"]
                    ratio = (own + served) / base[0]
                    click.echo(f"  {case:27} {own:7.2f} + {served:5.2f} = {own + served:7.2f}   {ratio:5.2f}")
            for render, (line, file) in wire(server, content).items():
                click.echo(f"one edit, render {render}: {line} bytes gzipped, {line / file:.2f} of the file's")


if __name__ == "__main__":
    main()
