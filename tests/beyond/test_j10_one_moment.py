"""J10: a backup has each photo as it was at its moment, whatever happens to it meanwhile, or fails and names it."""

from __future__ import annotations

import itertools
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from cms.actions.archive import check
from cms.actions.backup import backup
from cms.context import Context
from cms.errors import NotFound
from tests.api.editing import ARTICLES, patch
from tests.beyond import backups
from tests.components import cms, program, settings_environment
from tests.conftest import bearer, close, make_client, site_of
from tests.faults.steps import watched


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with one photo in the trash."""
    folder = backups.make_site(tmp_path_factory.mktemp("template") / "site")
    ctx = backups.open_site(folder)
    backups.delete(make_client(ctx), bearer(ctx, "admin"), "restored")
    close(ctx)
    return folder


@pytest.fixture
def small(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "site")


def test_what_goes_or_changes_at_any_file_is_in_it_as_it_was(template: Path, tmp_path: Path) -> None:
    number, total = 1, 2
    while number < total:
        folder = tmp_path / str(number)
        total = check_interference(shutil.copytree(template, folder / "site"), folder, number)
        number += 3
    assert number > 6


def check_interference(site: Path, folder: Path, number: int) -> int:
    """Edit the site after that file of the backup, and compare what comes back; return how many files there are."""
    ctx, totals = backups.open_site(site), set()
    client, admin = make_client(ctx), bearer(ctx, "admin")
    before = backups.state(ctx, client, admin)

    def interfere(done: int, total: int) -> None:
        totals.add(total)
        if done == number:
            backups.edit(ctx, client, admin)

    backup(ctx, folder / "site.tar", interfere)
    there = backups.restored(folder / "site.tar", folder / "new")
    assert backups.state(there, make_client(there), admin) == before, number
    backups.close_all(ctx, there)
    (total,) = totals
    return total


@pytest.mark.parametrize("how", ["removed", "overwritten"])
def test_a_photo_whose_bytes_are_nowhere_is_named(small: Path, tmp_path: Path, how: str) -> None:
    ctx = backups.open_site(small)
    photo = small / "src/assets/news/still.png"

    def interfere(done: int, _total: int) -> None:
        if done == 1:
            photo.unlink()
            if how == "overwritten":
                photo.write_bytes(backups.png("black"))

    with pytest.raises(NotFound, match=r"src/assets/news/still\.png has changed or gone"):
        backup(ctx, tmp_path / "site.tar", interfere)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    close(ctx)


def test_a_process_that_stands_still_meanwhile_writes_what_its_article_shows(small: Path, tmp_path: Path) -> None:
    for number in range(12):
        (small / f"src/assets/{number}.bin").write_bytes(bytes(2_000_000))
    ctx = backups.open_site(small)
    client, admin, archives = make_client(ctx), bearer(ctx, "admin"), tmp_path / "archives"
    before = backups.state(ctx, client, admin)
    archives.mkdir()
    command = [str(program("cms")), "backup", str(archives / "site.tar")]
    process = subprocess.Popen(command, env=settings_environment(small), stderr=subprocess.PIPE)
    while process.poll() is None and not any(path.stat().st_size > 1_000_000 for path in archives.iterdir()):
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    backups.take_out(client, admin)
    for name in ("deleted", "moved", "replaced", "still"):
        backups.delete(client, admin, name)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=300)[1] == b""
    assert process.returncode == 0
    there = backups.restored(archives / "site.tar", tmp_path / "new")
    assert backups.state(there, make_client(there), admin) == before
    assert cms(tmp_path / "new", "check").stdout == "No problems.\n"
    backups.close_all(ctx, there)


def test_a_rename_under_way_is_whole_or_not_at_all_though_others_follow(small: Path, tmp_path: Path) -> None:
    """The rename stands still at one of its system calls while the backup begins, and two others follow it while the
    backup runs: where the first one was about to bring the article, there is another text then."""
    ctx = backups.open_site(small)
    renames = Renames(ctx, bearer(ctx, "admin"))
    point = 1
    while renames.back_up(point, archive := tmp_path / f"{point}.tar"):
        there = backups.restored(archive, tmp_path / str(point))
        items = make_client(there).get("/api/v1/changes?limit=100", headers=renames.headers).get_json()["items"]
        # A rename that was under way is finished or undone, and nothing else is new.
        assert [item["source"] for item in items[: -check(archive).seq]] in ([], ["api", "api"]), point
        assert len([name for name in backups.tree(site_of(there)) if name.endswith(("renamed.md", "else.md"))]) == 1
        close(there)
        point += 3
    assert point > 6
    close(ctx)


class Renames:
    """Moves an article to and fro."""

    def __init__(self, ctx: Context, headers: dict[str, str]) -> None:
        self.headers = headers
        self._ctx, self._client = ctx, make_client(ctx)
        self._names = ["news/en/renamed", "news/en/else"]

    def back_up(self, point: int, archive: Path) -> bool:
        """Back up the site while a rename stands still at its call of that number; False when it has fewer.

        The backup has taken in what was edited by hand before, for which it needs the articles' locks.
        """
        stands, goes, calls = threading.Event(), threading.Event(), itertools.count()
        writer = threading.Thread(target=self._rename)

        def wait(name: str) -> None:
            if threading.current_thread() is writer:
                # Before a commit the database's own lock is held.
                if name != "commit" and next(calls) == point:
                    stands.set()
                    goes.wait(120)
            elif writer.ident is None and any(archive.parent.glob(f".{archive.name}.*")):
                writer.start()
                while writer.is_alive() and not stands.wait(0.01):
                    pass

        def go_on(done: int, _total: int) -> None:
            if done == 1:
                goes.set()
                writer.join()
                self._rename()
                self._rename()

        with watched(wait):
            backup(self._ctx, archive, go_on)
        return stands.is_set()

    def _rename(self) -> None:
        old, new = self._names
        etag = self._client.get(f"{ARTICLES}/{old}").headers["ETag"]
        body = {"id": new.removeprefix("news/"), "data": {"title": f"{time.monotonic()}"}}
        assert patch(self._client, self.headers, old, etag, body).status_code == 200
        self._names.reverse()
