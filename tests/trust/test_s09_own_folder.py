"""S9: `.cms` and all that it holds is for its owner alone, whatever the umask, and old ones are mended at start."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3
from PIL import Image

from tests.api.editing import MERGE_PATCH
from tests.components import cms, cms_server
from tests.conftest import eventually
from tests.trust.users import NOBODY, reachable_site, require_root, start_as

ARTICLE = "/api/v1/articles/news/en/river-bus"
PHOTO = "src/assets/news/river-bus/photo-1.jpg"


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    """What is made is for everybody, unless the program says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def open_to_others(folder: Path) -> list[str]:
    """What group or others may do anything with, the folder included."""
    found = [folder, *folder.rglob("*")]
    return sorted(str(path.relative_to(folder)) for path in found if path.lstat().st_mode & 0o077)


def photo() -> bytes:
    with io.BytesIO() as out:
        Image.new("RGB", (64, 48), "teal").save(out, "PNG")
        return out.getvalue()


def widen(folder: Path) -> None:
    """Make all as an older version left it."""
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_what_the_service_keeps_is_for_its_owner_alone(site: Path, tmp_path: Path) -> None:
    """Each kind of thing that comes to lie there: database, locks, variants, the trash, a working copy, a backup."""
    folder = site / ".cms"
    before = (site / "src/content").stat().st_mode, (site / PHOTO).stat().st_mode
    token = cms(site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    assert open_to_others(folder) == []
    headers = {"Authorization": f"Bearer {token}"}
    with cms_server(site, tmp_path / "log", CMS_KEEP_ORIGINALS="true") as server:
        http = urllib3.PoolManager(retries=False)
        etag = http.request("GET", server.url + ARTICLE, headers=headers).headers["ETag"]
        patch = {**headers, "If-Match": etag, "Content-Type": MERGE_PATCH}
        saved = http.request("PATCH", f"{server.url}{ARTICLE}?draft=true", json={"data": {"title": "T"}}, headers=patch)
        assert saved.status == 200, saved.data
        new = ("new.png", photo(), "image/png")
        sent = http.request(
            "POST", f"{server.url}/api/v1/images", fields={"folder": "news", "files": new}, headers=headers
        )
        assert sent.status == 201, sent.data
        image = f"{server.url}/api/v1/images/{sent.json()['items'][0]['path']}"
        etag = http.request("GET", image, headers=headers).headers["ETag"]
        assert http.request("DELETE", image, headers={**headers, "If-Match": etag}).status == 204
        assert eventually(lambda: (folder / "variants").exists() and any((folder / "variants").rglob("*.webp")))
        assert cms(site, "backup", str(folder / "site.tar")).returncode == 0
        kinds = {path.relative_to(folder).parts[0] for path in folder.rglob("*") if path.is_file()}
        assert {"cms.db", "cms.db-wal", "cms.db-commits", "locks", "variants", "private", "databases"} <= kinds
        assert open_to_others(folder) == []
    assert ((site / "src/content").stat().st_mode, (site / PHOTO).stat().st_mode) == before


@pytest.mark.parametrize("command", ["serve", "sync"])
def test_an_old_folder_is_closed_at_start_and_the_log_says_so(site: Path, tmp_path: Path, command: str) -> None:
    folder, log = site / ".cms", tmp_path / "log"
    assert cms(site, "sync").returncode == 0
    (folder / "variants/ab").mkdir(parents=True)
    (folder / "variants/ab/640.webp").write_bytes(b"photo")
    (folder / "elsewhere").symlink_to(site / "src")
    widen(folder)
    before = {path: path.lstat().st_mode for path in (site / "src").rglob("*")}
    if command == "serve":
        with cms_server(site, log):
            pass
        said = log.read_text()
    else:
        said = cms(site, "sync").stderr
    (folder / "elsewhere").unlink()
    assert open_to_others(folder) == []
    assert "was open to other users" in said
    assert {path: path.lstat().st_mode for path in (site / "src").rglob("*")} == before
    assert "was open" not in cms(site, "sync").stderr


def test_a_link_in_place_of_its_gitignore_leads_nowhere(site: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("theirs")
    victim.chmod(0o644)
    (site / ".cms").mkdir(mode=0o755)
    (site / ".cms/.gitignore").symlink_to(victim)
    assert "cannot be closed to other users" in cms(site, "sync").stderr
    assert (victim.read_text(), victim.stat().st_mode & 0o777) == ("theirs", 0o644)


def test_a_database_elsewhere_is_closed_and_the_folder_it_lies_in_is_left_alone(site: Path, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir(0o755)
    (place / "other.txt").write_text("somebody else's")
    url = f"sqlite:///{place}/cms.db"
    assert cms(site, "sync", CMS_DATABASE=url).returncode == 0
    assert open_to_others(place) == [".", "other.txt"]
    for path in place.glob("cms.db*"):
        path.chmod(0o644)
    with cms_server(site, tmp_path / "log", CMS_DATABASE=url):
        assert {"cms.db-wal", "cms.db-shm"} <= {path.name for path in place.iterdir()}
        assert open_to_others(place) == [".", "other.txt"]
    assert (place.stat().st_mode & 0o777, (place / "other.txt").stat().st_mode & 0o777) == (0o755, 0o666)


def test_another_user_can_read_nothing_of_it(sample: Path, tmp_path: Path) -> None:
    require_root()
    with reachable_site(sample) as site, cms_server(site, tmp_path / "log"):
        process = start_as(NOBODY, ["find", str(site), "-type", "f", "-readable"])
        found, _ = process.communicate(timeout=60)
        readable = found.splitlines()
    assert str(site / PHOTO) in readable
    assert [path for path in readable if "/.cms/" in path] == []
