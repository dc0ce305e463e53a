"""Editors, `sed -i` and `git checkout` at ten edits a second, beside clients that save the same articles.

`CMS_TEST_OUTSIDE_S=1800` goes on for so many seconds; without it for a few.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import urllib3

from tests.api.editing import MERGE_PATCH, TEXT
from tests.components import CmsServer, cms, cms_server
from tests.conftest import eventually
from tests.counted import Told
from tests.faults.clients import Save
from tests.faults.ledger import check_chains
from tests.faults.outsiders import OUTSIDERS, strange_files

SECONDS = float(os.environ.get("CMS_TEST_OUTSIDE_S", "6"))
WRITERS = 4
ARTICLES = 5
PER_SECOND = 10
FOLDER = "src/content/news/en"


@dataclass
class Writers:
    """Clients that save titles, from the version that they were told last."""

    server: CmsServer
    headers: dict[str, str]
    saves: list[Save] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, number: int) -> None:
        chance = random.Random(number)
        http = urllib3.PoolManager(retries=False, timeout=30)
        known: dict[str, str] = {}
        for attempt in itertools.count():
            if self.stop.is_set():
                return
            name = f"news/en/outside-{chance.randrange(ARTICLES)}"
            url = f"{self.server.url}/api/v1/articles/{name}"
            if name not in known:
                known[name] = version(http.request("GET", url).headers["ETag"])
            headers = {**self.headers, "If-Match": f'"{known[name]}"', "Content-Type": MERGE_PATCH}
            answer = http.request("PATCH", url, json={"data": {"title": f"By {number}, {attempt}"}}, headers=headers)
            self.answers[answer.status] += 1
            if answer.status == 200:
                self.saves.append(Save(name, known[name], version(answer.headers["ETag"])))
                known[name] = self.saves[-1].version
            else:
                known.pop(name)
                if answer.status == 412 and answer.json()["current_version"]:
                    known[name] = answer.json()["current_version"]
            time.sleep(chance.uniform(0, 0.02))


def version(etag: str) -> str:
    return etag.strip('W/"').split("-")[0]


def by_sed(path: Path, number: int) -> None:
    subprocess.run(["sed", "-i", f"s/^Edit .*/Edit {number}/", path.name], cwd=path.parent, check=True)


def by_git(path: Path, number: int) -> None:
    def git(*arguments: str, given: bytes | None = None) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=path.parent, input=given, capture_output=True, check=True
        ).stdout.decode()

    blob = git("hash-object", "-w", "--stdin", given=edited(TEXT.encode(), number)).strip()
    git("update-index", "--add", "--cacheinfo", f"100644,{blob},{FOLDER}/{path.name}")
    git("checkout", "--", path.name)


def edited(text: bytes, number: int) -> bytes:
    return re.sub(rb"(Edit .*\n)?\Z", b"Edit %d\n" % number, text, count=1)


def by_program(save: Callable[[Path, bytes], None]) -> Callable[[Path, int], None]:
    return lambda path, number: save(path, edited(path.read_bytes(), number))


EDITS = {**{name: by_program(save) for name, save in OUTSIDERS.items()}, "sed": by_sed, "git": by_git}


@pytest.fixture
def server_folder(site: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=site, check=True)
    for number in range(ARTICLES):
        (site / FOLDER / f"outside-{number}.md").write_bytes(edited(TEXT.encode(), 0))
    return site


def edit(folder: Path, until: float) -> Counter[str]:
    """Edit away until then; each edit is there a moment later, whatever the clients did meanwhile."""
    chance, counted = random.Random(7), Counter[str]()
    for number in itertools.count(1):
        if time.monotonic() > until:
            return counted
        kind = chance.choice(list(EDITS))
        path = folder / FOLDER / f"outside-{chance.randrange(ARTICLES)}.md"
        EDITS[kind](path, number)
        counted[kind] += 1
        time.sleep(1 / PER_SECOND)
        # A save that goes back may just be on its way.
        assert eventually(lambda: path.read_bytes().endswith(b"Edit %d\n" % number), 0.5), f"lost: {number}, {kind}"  # noqa: B023
    raise AssertionError


def test_no_edit_is_overwritten_unseen(server_folder: Path, tmp_path: Path, counted: Told) -> None:
    token = cms(server_folder, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    with cms_server(server_folder, tmp_path / "log", CMS_MAX_WRITES_PER_SECOND="100000") as server:
        writers = Writers(server, {"Authorization": f"Bearer {token}"})
        threads = [threading.Thread(target=writers.run, args=(number,)) for number in range(WRITERS)]
        for thread in threads:
            thread.start()
        try:
            edits = edit(server_folder, time.monotonic() + SECONDS)
        finally:
            writers.stop.set()
            for thread in threads:
                thread.join()
    assert cms(server_folder, "sync").returncode == 0
    check_chains(server_folder, writers.saves)
    beside = list((server_folder / FOLDER).glob("*.kept-*"))
    counted({"edits": edits.total(), **edits, "saves": dict(writers.answers), "kept beside": len(beside), "lost": 0})
    assert set(writers.answers) <= {200, 412, 503}
    assert writers.answers[200] > 10
    assert writers.answers[412] > 0
    names = [path.name for path in (server_folder / FOLDER).glob("*.md")]
    assert strange_files(server_folder / FOLDER, *names) == []
