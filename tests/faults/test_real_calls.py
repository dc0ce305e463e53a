"""Calls that fail in C, below Python and SQLite, in the processes of `cms serve`: what our own looks over the shoulder
(`tests.faults.steps`) find out is so.

libfiu fails what is called by libc's names (files' `fsync`, SQLite's `pwrite`), strace the calls with a folder of their
own (`renameat`). Neither can fail `write` alone: the server's threads wake each other by it; that is left to
`tests/faults/test_small_disk.py`.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.api.editing import MERGE_PATCH, TEXT
from tests.components import CmsServer, cms, cms_server, descendants, ending, require
from tests.conftest import eventually
from tests.faults.clients import Save
from tests.faults.ledger import check_chains
from tests.faults.outsiders import strange_files

PRELOADED = [Path("/usr/lib/fiu") / name for name in ("fiu_run_preload.so", "fiu_posix_preload.so")]
FULL, BROKEN = (507, "storage_full"), (503, "storage_read_only")


@dataclass
class Editor:
    """Saves one article again and again; `saves` are those that were acknowledged."""

    site: Path
    url: str
    token: str
    saves: list[Save]

    @property
    def file(self) -> Path:
        return self.site / "src/content/news/en/saved.md"

    def read(self) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return urllib3.request("GET", f"{self.url}/api/v1/articles/news/en/saved", headers=headers, retries=False)

    def save(self, title: str) -> tuple[int, str | None]:
        current = self.read()
        assert current.status == 200
        headers = {
            "Authorization": f"Bearer {self.token}",
            "If-Match": current.headers["ETag"],
            "Content-Type": MERGE_PATCH,
        }
        url = f"{self.url}/api/v1/articles/news/en/saved"
        answer = urllib3.request("PATCH", url, json={"data": {"title": title}}, headers=headers, retries=False)
        if answer.status == 200:
            before, after = (found.headers["ETag"][1:65] for found in (current, answer))
            self.saves.append(Save("news/en/saved", before, after))
            return 200, None
        assert answer.headers["Retry-After"]
        assert str(self.site) not in answer.data.decode()
        return answer.status, answer.json()["code"]

    def is_ready(self) -> bool:
        answer = urllib3.request("GET", f"{self.url}/readyz", retries=False)
        # The server has no worker, so that whatever else happens is what the test does.
        return {notice["name"] for notice in answer.json()["notices"]} <= {"worker_silent"}


@pytest.fixture
def token(light_site: Path) -> str:
    (light_site / "src/content/news/en/saved.md").write_text(TEXT)
    return cms(light_site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()


@dataclass(frozen=True)
class Faults:
    """Those of libfiu in a running server."""

    server: CmsServer
    pipes: Path

    @contextmanager
    def failing(self, call: str, number: int) -> Iterator[None]:
        """Each such call of the server fails with that error during the block."""
        self._tell(f"enable name={call},failinfo={number}")
        try:
            yield
        finally:
            self._tell(f"disable name={call}")

    def _tell(self, command: str) -> None:
        for pid in descendants(self.server.process.pid):
            told = ["fiu-ctrl", "-f", str(self.pipes), "-c", command, str(pid)]
            done = subprocess.run(told, capture_output=True, text=True, check=True, timeout=300)
            assert done.stdout + done.stderr == ""


@pytest.fixture
def faults(light_site: Path, token: str, tmp_path: Path) -> Iterator[Faults]:
    require(shutil.which("fiu-ctrl") and all(path.exists() for path in PRELOADED), "libfiu (fiu-utils)")
    pipes = tmp_path / "fiu"
    preloaded = {"LD_PRELOAD": ":".join(map(str, PRELOADED)), "FIU_CTRL_FIFO": str(pipes)}
    with cms_server(light_site, tmp_path / "log", "--no-worker", **preloaded) as server:
        yield Faults(server, pipes)


def test_what_libfiu_fails_is_answered_as_what_we_fail_ourselves(faults: Faults, light_site: Path, token: str) -> None:
    editor = Editor(light_site, faults.server.url, token, [])
    # As the background work does: who is the first to open the database has to write to do so.
    with closing(sqlite3.connect(light_site / ".cms/cms.db")) as another:
        another.execute("SELECT * FROM changes LIMIT 1").fetchall()
        _try_all(faults, editor)
    _check(editor)


def _try_all(faults: Faults, editor: Editor) -> None:
    for number, (call, error, expected) in enumerate([
        ("posix/io/sync/fsync", errno.ENOSPC, FULL),
        ("posix/io/rw/pwrite", errno.ENOSPC, FULL),
        ("posix/io/rw/pwrite", errno.EIO, (503, "database")),
        ("posix/io/sync/fsync", errno.EIO, BROKEN),
    ]):  # fmt: skip
        assert editor.save(f"Before fault {number}") == (200, None), call
        before = editor.file.read_bytes()
        with faults.failing(call, error):
            assert editor.save(f"During fault {number}") == expected, call
            assert editor.read().status == 200
        if call.endswith("fsync"):
            assert editor.file.read_bytes() == before
        else:  # the log could not be told of it: that passes for a hand edit
            _sync(editor)
        assert eventually(editor.is_ready)
        assert editor.save(f"After fault {number}") == (200, None), call


@contextmanager
def injected(server: CmsServer, call: str, error: str) -> Iterator[None]:
    """Each such call of the server fails with that error during the block, by strace.

    All of them, not the first: strace counts the calls of each thread by itself.
    """
    require(shutil.which("strace"), "strace")
    pids = [server.process.pid, *descendants(server.process.pid)]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}"]
    tracer = subprocess.Popen([*command, *(option for pid in pids for option in ("-p", str(pid)))])
    with ending(tracer):
        assert eventually(lambda: all(map(_is_traced, pids)))
        yield


def _is_traced(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").glob("*/status")
    return all("TracerPid:\t0\n" not in thread.read_text() for thread in threads)


@pytest.mark.parametrize(
    ("call", "error", "expected"), [("renameat", "ENOSPC", FULL), ("renameat2", "EIO", BROKEN)], ids=["name", "place"]
)
def test_a_rename_that_fails_leaves_what_was_there(
    light_site: Path, token: str, tmp_path: Path, call: str, error: str, expected: tuple[int, str]
) -> None:
    """A file's own name is taken by `renameat`, its place by `renameat2`."""
    with cms_server(light_site, tmp_path / "log", "--no-worker") as server:
        editor = Editor(light_site, server.url, token, [])
        before = editor.file.read_bytes()
        with injected(server, call, error):
            assert editor.save("During") == expected
            assert editor.file.read_bytes() == before
        assert eventually(editor.is_ready)
        assert editor.save("After") == (200, None)
    _check(editor)


def _sync(editor: Editor) -> None:
    synced = cms(editor.site, "sync")
    assert synced.returncode == 0, synced.stderr


def _check(editor: Editor) -> None:
    _sync(editor)
    check_chains(editor.site, editor.saves)
    folder = editor.file.parent
    assert strange_files(folder, *(path.name for path in folder.glob("*.md"))) == []
