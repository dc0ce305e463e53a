"""Changes of files are seen as they happen, without a look at all the others."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3
from PIL import Image

from tests.components import CmsServer, cms, cms_server, descendants
from tests.conftest import copy_site, eventually

pytestmark = pytest.mark.xdist_group("watching")
FAR = {"CMS_SCAN_S": "3600"}
TEXT = "---\ntitle: {}\ndescription: d\ndate: 2025-01-01\nauthor: a\ntags: []\n---\n\nBody.\n"
HTTP = urllib3.PoolManager(retries=False)


@pytest.fixture(scope="module")
def watched(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CmsServer]:
    """A server that looks at all files once an hour."""
    folder = tmp_path_factory.mktemp("watched")
    site = copy_site(light_sample, folder / "site")
    git(site, "init", "-q")
    git(site, "add", "-A")
    git(site, "commit", "-q", "-m", "all")
    with cms_server(site, folder / "log", **FAR) as server:
        await_watching(server)
        yield server


@pytest.fixture
def small_site(tmp_path: Path) -> Path:
    """A site of one article."""
    path = tmp_path / "site/src/content/news/en/only.md"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT.format("Only"))
    return tmp_path / "site"


def git(site: Path, *arguments: str) -> None:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", *who, *arguments], cwd=site, check=True, capture_output=True)


def await_watching(server: CmsServer) -> None:
    """Until the first pass over all files, which sees this one, is done."""
    write(server, "waking")
    assert eventually(lambda: title(server, "waking") is not None)


def article(server: CmsServer, name: str) -> dict[str, Any] | None:
    answer = HTTP.request("GET", f"{server.url}/api/v1/articles/news/en/{name}")
    return answer.json() if answer.status == 200 else None


def title(server: CmsServer, name: str) -> str | None:
    found = article(server, name)
    return None if found is None else found["data"]["title"]


def write(server: CmsServer, name: str, text: str = "By hand") -> Path:
    path = server.site / f"src/content/news/en/{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT.format(text))
    return path


def test_a_new_file_an_edit_and_a_deletion(watched: CmsServer) -> None:
    path = write(watched, "by-hand", "One")
    assert eventually(lambda: title(watched, "by-hand") == "One")
    path.write_text(TEXT.format("Two"))
    assert eventually(lambda: title(watched, "by-hand") == "Two")
    path.unlink()
    assert eventually(lambda: article(watched, "by-hand") is None)


def test_a_file_that_is_put_in_the_place_of_another(watched: CmsServer) -> None:
    path = write(watched, "replaced", "One")
    assert eventually(lambda: title(watched, "replaced") == "One")
    other = path.with_name(".replaced.md.swp")
    other.write_text(TEXT.format("Two"))
    other.rename(path)
    assert eventually(lambda: title(watched, "replaced") == "Two")


def test_a_renamed_file_and_a_renamed_folder_of_files(watched: CmsServer) -> None:
    write(watched, "deep/er/x", "Moves")
    assert eventually(lambda: title(watched, "deep/er/x") == "Moves")
    path = watched.site / "src/content/news/en/deep/er/x.md"
    path.rename(path.with_name("y.md"))
    assert eventually(lambda: title(watched, "deep/er/y") == "Moves")
    assert eventually(lambda: article(watched, "deep/er/x") is None)
    path.parents[1].rename(path.parents[1].with_name("elsewhere"))
    assert eventually(lambda: title(watched, "elsewhere/er/y") == "Moves")
    assert eventually(lambda: article(watched, "deep/er/y") is None)
    write(watched, "elsewhere/er/z", "Later")
    assert eventually(lambda: title(watched, "elsewhere/er/z") == "Later")


def test_a_photo_that_is_replaced(watched: CmsServer) -> None:
    photo = next((watched.site / "src/assets").rglob("*.jpg"))
    url = f"{watched.url}/api/v1/images/{photo.relative_to(watched.site / 'src/assets')}"
    before = HTTP.request("GET", url).json()["sha256"]
    Image.new("RGB", (40, 30), "red").save(photo)
    assert eventually(lambda: HTTP.request("GET", url).json()["sha256"] != before)
    assert HTTP.request("GET", url).json()["width"] == 40


def test_a_checkout_of_another_branch(watched: CmsServer) -> None:
    git(watched.site, "checkout", "-q", "-b", "theirs")
    for number in range(4):
        write(watched, f"branch/{number}", "Theirs")
    git(watched.site, "add", "src/content/news/en/branch")
    git(watched.site, "commit", "-q", "-m", "theirs")
    assert eventually(lambda: title(watched, "branch/3") == "Theirs")
    git(watched.site, "checkout", "-q", "-")
    assert eventually(lambda: article(watched, "branch/3") is None)
    git(watched.site, "checkout", "-q", "theirs")
    assert eventually(lambda: [title(watched, f"branch/{number}") for number in range(4)] == ["Theirs"] * 4)


def test_the_rules_of_a_collection_and_a_new_collection(watched: CmsServer) -> None:
    folder = watched.site / "src/content/fresh"
    folder.mkdir()
    (folder / "x.md").write_text(TEXT.format("Fresh"))
    url = f"{watched.url}/api/v1/collections/fresh"
    assert eventually(lambda: HTTP.request("GET", url).status == 200)
    schema = '{"type": "object", "properties": {"title": {"type": "string", "maxLength": 77}}}'
    (watched.site / "src/content/fresh.schema.json").write_text(schema)
    assert eventually(lambda: b"77" in HTTP.request("GET", f"{url}/schema").data)


def test_many_deletions_wait_and_what_comes_back_is_seen(watched: CmsServer) -> None:
    admin = token(watched)
    for number in range(9):
        write(watched, f"../many/{number}", "Many")
    many = [f"{watched.url}/api/v1/articles/news/many/{number}" for number in range(9)]
    assert eventually(lambda: all(HTTP.request("GET", one).status == 200 for one in many))
    content = watched.site / "src/content"
    aside = content.rename(content.with_name("aside"))
    assert eventually(lambda: notices(watched, admin) != [])
    assert HTTP.request("GET", many[0]).status == 200
    aside.rename(content)
    assert eventually(lambda: notices(watched, admin) == [])
    write(watched, "../many/0", "Back")
    assert eventually(lambda: HTTP.request("GET", many[0]).json()["data"]["title"] == "Back")


def token(server: CmsServer) -> dict[str, str]:
    made = cms(server.site, "token", "create", "--name", "test", "--scope", "admin")
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


def notices(server: CmsServer, admin: dict[str, str]) -> list[Any]:
    found: list[Any] = HTTP.request("GET", f"{server.url}/readyz", headers=admin).json()["notices"]
    return found


def test_links_are_not_followed_and_new_folders_beside_them_are_seen(small_site: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text(TEXT.format("Outside"))
    (small_site / "src/content/news/en/link").symlink_to(outside)
    (small_site / "src/content/news/en/loop").symlink_to(small_site / "src")
    with cms_server(small_site, tmp_path / "log", **FAR) as server:
        await_watching(server)
        inside = small_site / "src/content/news"
        assert eventually(lambda: is_watched(server, inside))
        assert not is_watched(server, outside)
        write(server, "new/er/x", "New")
        assert eventually(lambda: title(server, "new/er/x") == "New")
        write(server, "new/er/y", "Newer")
        assert eventually(lambda: title(server, "new/er/y") == "Newer")
        assert article(server, "link/x") is None


def is_watched(server: CmsServer, folder: Path) -> bool:
    """Whether the system says that one of the server's processes watches it."""
    number = f"ino:{folder.stat().st_ino:x} "
    infos = (info for pid in descendants(server.process.pid) for info in Path(f"/proc/{pid}/fdinfo").iterdir())
    lines = (line for info in infos for line in info.read_text().splitlines())
    return any(line.startswith("inotify") and number in line for line in lines)


def test_without_watches_files_are_looked_at_in_turn_and_the_log_says_so_once(small_site: Path, tmp_path: Path) -> None:
    with all_watchers_taken(), cms_server(small_site, tmp_path / "log", **FAR) as server:
        path = write(server, "by-hand", "One")
        assert eventually(lambda: title(server, "by-hand") == "One")
        path.write_text(TEXT.format("Two"))
        assert eventually(lambda: title(server, "by-hand") == "Two")
        said = "fs.inotify.max_user_watches"
        assert eventually(lambda: said in server.log.read_text())
        assert server.log.read_text().count(said) == 1


@contextmanager
def all_watchers_taken() -> Iterator[None]:
    """This user has as many as the system lets them have; what other tests give back is taken too."""
    libc, done = ctypes.CDLL(None, use_errno=True), threading.Event()
    with ExitStack() as held:

        def take() -> None:
            while (descriptor := libc.inotify_init1(os.O_CLOEXEC)) >= 0:
                held.callback(os.close, descriptor)

        def go_on() -> None:
            while not done.wait(0.005):
                take()

        take()
        taker = threading.Thread(target=go_on)
        taker.start()
        try:
            yield
        finally:
            done.set()
            taker.join()
