"""A site is built from the CMS as from files: the same, byte for byte, at first and after every kind of change."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.astro_site import AstroSite, Files, Package, local_site, make_site
from tests.components import CmsServer, cms, cms_server, cms_server_at

SITES = [(5, "legacy"), (5, "modern"), (7, "modern")]
if os.environ.get("CMS_TEST_ASTRO") == "6":
    SITES = [(6, "modern")]


@pytest.fixture
def server(content: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CmsServer]:
    # Beside the newest Astro variants are made meanwhile, which is no change.
    is_newest = request.getfixturevalue("version") == SITES[-1][0]
    with cms_server(content, tmp_path / "cms.log", *([] if is_newest else ["--no-worker"])) as running:
        yield running


def differing(one: Files, other: Files) -> set[str]:
    """The names of files that the two sites do not have alike. Astro 5 keeps entries in the order they came in."""
    return {name for name in one.keys() | other.keys() if sorted_entries(one, name) != sorted_entries(other, name)}


def sorted_entries(files: Files, name: str) -> object:
    if name != "entries.json" or name not in files:
        return files.get(name)
    return sorted(json.loads(files[name]), key=lambda entry: str(entry["filePath"]))


@pytest.mark.parametrize(("version", "name"), SITES)
def test_a_site_is_the_same_from_the_cms_as_from_files(
    version: int,
    name: str,
    package: Package,
    content: Path,
    built: Callable[[int, str], AstroSite],
    tmp_path: Path,
) -> None:
    local = local_site(package, version, name, tmp_path / "local", content)
    expected = local.built()
    assert any(file.startswith("_astro/photo-1.") for file in expected)
    site = built(version, name)
    assert differing(site.files(), expected) == set()
    assert not (site.folder / "src/assets").exists()
    if version > 5:
        assert site.files()["entries.json"] == expected["entries.json"]


@pytest.mark.parametrize(("version", "name"), [site for site in SITES if site != (5, "modern")])
def test_after_changes_of_every_kind_only_they_are_fetched(
    version: int, name: str, package: Package, content: Path, server: CmsServer, tmp_path: Path
) -> None:
    site = make_site(package, version, name, tmp_path / "site", url=server.url)
    before = site.built()
    shutil.rmtree(site.cache / "cms")
    site.synced("news: 0 changed, 6 in all", "photos fetched")

    photos = {path.parent.name for path in site.photos}
    (site.cache / "data-store.json").unlink()
    assert "photos fetched" not in site.synced("news: 6 changed, 6 in all")
    change_everything(content)
    fresh = local_site(package, version, name, tmp_path / "fresh", content)
    expected = fresh.built()
    assert differing(before, expected)
    assert differing(site.built("news: 3 changed, 5 in all", "news: 1 of 1 photos fetched"), expected) == set()
    now = {path.parent.name for path in site.photos}
    assert (len(now - photos), len(photos - now)) == (1, 1)
    assert_another_database_makes_no_difference(site, content, server, expected)


def change_everything(content: Path) -> None:
    """Edit, delete, rename, unpublish, add, and replace a photo that keeps its path."""
    news, assets = content / "src/content/news", content / "src/assets/news"
    edited = news / "en/opening-day.md"
    edited.write_text(edited.read_text().replace("title: The garden library opens its doors", "title: Open"))
    (news / "km/opening-day.md").unlink()
    (news / "en/4-post.md").rename(news / "en/five-villages.md")
    hidden = news / "km/4-post.md"
    hidden.write_text(hidden.read_text().replace("---\n", "---\ndraft: true\n", 1))
    (news / "en/second-boat.md").write_text(edited.read_text().replace("title: Open", "title: A second boat"))
    photo = assets / "river-bus/photo-2.jpg"
    photo.write_bytes(photo.read_bytes() + b"\0")
    done = cms(content, "sync")
    assert done.returncode == 0, done.stdout


def assert_another_database_makes_no_difference(
    site: AstroSite, content: Path, server: CmsServer, expected: Files
) -> None:
    """The cursor is of no use to it (410), and what has not changed is not made again."""
    server.process.terminate()
    server.process.wait()
    shutil.rmtree(content / ".cms")
    with cms_server_at(server.port, content, server.log, "--no-worker"):
        assert differing(site.built("news: 0 changed, 5 in all"), expected) == set()
