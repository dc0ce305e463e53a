"""The loader's options: who renders, where photos are, what entries hold; and the site in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
import urllib3

from tests.astro_site import AstroSite, Package, make_site
from tests.browser import chromium_page, serving
from tests.components import CmsServer, cms, cms_server
from tests.conftest import eventually

LEGACY, MODERN = (5, "legacy"), (7, "modern")


def test_html_of_the_cms_says_the_same_with_photos_that_astro_makes(
    package: Package, built: Callable[[int, str], AstroSite], content: Path, tmp_path: Path
) -> None:
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as server:
        for version in (5, 7):
            by_astro = built(version, "modern").files()
            site = make_site(package, version, "modern", tmp_path / f"site-{version}", url=server.url)
            by_cms = site.built("news: 6 changed", CMS_TEST_OPTIONS='{"render": "cms"}')
            assert by_cms.keys() == by_astro.keys()
            pages = [name for name in by_cms if name.startswith("news/")]
            assert len(pages) == 6
            for name in pages:
                assert photos_in(by_cms[name]) == photos_in(by_astro[name])
                assert words_in(by_cms[name]) == words_in(by_astro[name])
            dates = [entry["data"].get("date") for entry in json.loads(by_cms["entries.json"])]
            assert "2025-06-24T00:00:00.000Z" in dates
            check_report(site, content, server.url)


def check_report(site: AstroSite, content: Path, url: str) -> None:
    """What the build leaves is what the CMS takes, and the article has been live since."""
    token = cms(content, "token", "create", "--name", "deploy", "--scope", "builds").stdout.strip()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = (site.cache / "cms-build.json").read_bytes()
    answer = urllib3.request("POST", f"{url}/api/v1/builds", body=body, headers=headers, retries=False)
    assert (answer.status, answer.json().get("is_current")) == (201, True), answer.data
    article = urllib3.request("GET", f"{url}/api/v1/articles/news/en/opening-day", retries=False).json()
    assert article["live_since"] is not None


def photos_in(html: bytes) -> list[dict[str, str]]:
    """The attributes of each `<img>`."""
    tags = re.findall(r"<img [^>]*>", html.decode())
    return [dict(re.findall(r'([a-z]+)="([^"]*)"', tag)) for tag in tags]


def words_in(html: bytes) -> list[str]:
    """What a visitor reads, quotes and dashes as they are typed."""
    text = re.sub(r"<[^>]+>", " ", html.decode())
    for made, typed in {"“": '"', "”": '"', "’": "'", "‘": "'", "&quot;": '"', "&#39;": "'", "&#x27;": "'"}.items():
        text = text.replace(made, typed)
    return text.split()


@pytest.mark.parametrize("render", ["astro", "cms"])
def test_photos_may_stay_where_they_are(render: str, package: Package, still_cms: CmsServer, tmp_path: Path) -> None:
    for version in (5, 7):
        site = make_site(package, version, "remote", tmp_path / f"site-{version}", url=still_cms.url)
        options = json.dumps({"render": render})
        files = site.built("news: 6 changed", CMS_TEST_OPTIONS=options)
        assert not (site.cache / "cms").exists()
        assert not any(name.startswith("_astro/") for name in files)
        page = files["en/opening-day/index.html"]
        field, *shown = photos_in(page)
        media = f"{still_cms.url}/media/news/opening-day"
        assert field["src"] == f"{media}/thumbnail.jpg"
        assert [photo["src"] for photo in shown] == [f"{media}/photo-{n}.jpg" for n in range(1, 5)]
        assert all(photo["loading"] == "lazy" and int(photo["width"]) > 0 and photo["alt"] for photo in shown)
        assert "__ASTRO_IMAGE_" not in page.decode()
        assert '<a href="/km/opening-day/" lang="km">' in unquote(page.decode())


def test_a_photo_that_stays_says_all_that_the_cms_knows_of_it(package: Package, content: Path, tmp_path: Path) -> None:
    keep_one_article(content)
    scopes = ("--scope", "images:write", "--scope", "articles:publish")
    token = cms(content, "token", "create", "--name", "editor", *scopes).stdout.strip()
    known = {"caption": {"en": "The new shelves"}, "credit": "Sok Dara", "focal_point": {"x": 0.25, "y": 0.5}}
    with cms_server(content, tmp_path / "cms.log") as server:
        photo = f"{server.url}/api/v1/images/news/opening-day/thumbnail.jpg"
        told = eventually(lambda: (found := urllib3.request("GET", photo).json())["srcset_avif"] and found)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/merge-patch+json"}
        headers["If-Match"] = urllib3.request("GET", photo).headers["ETag"]
        answer = urllib3.request("PATCH", photo, headers=headers, json=known)
        assert answer.status == 200, answer.data
        site = make_site(package, 7, "remote", tmp_path / "site", url=server.url)
        (entry,) = json.loads(site.built()["lists.json"])["news"]
    shown = entry["data"]["image"]
    assert shown["caption"] == "The new shelves"
    assert {name: shown[name] for name in ("credit", "focal_point", "copyright")} == {
        "credit": "Sok Dara", "focal_point": {"x": 0.25, "y": 0.5}, "copyright": None,
    }  # fmt: skip
    for name in ("srcset", "srcset_avif"):
        assert shown[name] == re.sub(r"(^|, )/", rf"\1{server.url}/", told[name])


def keep_one_article(content: Path) -> None:
    for path in (content / "src/content/news").rglob("*.md"):
        if path.parts[-2:] != ("en", "opening-day.md"):
            path.unlink()
    for path in (content / "src/assets").rglob("*.*"):
        if path.parent.name != "opening-day":
            path.unlink()


def test_entries_hold_what_was_asked_for(package: Package, still_cms: CmsServer, tmp_path: Path) -> None:
    site = make_site(package, 7, "remote", tmp_path / "site", url=still_cms.url)
    lists = json.loads(site.built()["lists.json"])
    lean, whole = lists["titles"], lists["news"]
    assert [entry["id"] for entry in lean] == [entry["id"] for entry in whole]
    assert all(entry["body"] and entry["rendered"]["html"] and entry["data"]["cms"]["excerpt"] for entry in whole)
    assert all(entry.keys() == {"id", "data", "filePath", "digest", "collection"} for entry in lean)
    assert len(json.dumps(lean)) < len(json.dumps(whole)) / 3


def test_a_photo_that_the_site_has_itself_is_left_to_it(package: Package, still_cms: CmsServer, tmp_path: Path) -> None:
    site = make_site(package, 7, "modern", tmp_path / "site", url=still_cms.url)
    own, there = (folder / "src/assets/news/opening-day" for folder in (site.folder, still_cms.site))
    own.mkdir(parents=True)
    (own / "photo-1.jpg").write_bytes((there / "photo-2.jpg").read_bytes())
    names = site.built().keys()
    of = {n: {name.split(".")[1][:8] for name in names if name.startswith(f"_astro/photo-{n}.")} for n in (1, 2)}
    # Three articles show a photo-2: of equal files, Vite writes one, the first.
    assert {n: len(hashes) for n, hashes in of.items()} == {1: 3, 2: 2}
    assert [path for path in site.photos if path.read_bytes() == (there / "photo-1.jpg").read_bytes()] == []


def test_a_site_without_photos_does_without_the_integration(package: Package, content: Path, tmp_path: Path) -> None:
    for path in (content / "src/content/news").rglob("*.md"):
        path.write_text("---\ntitle: T\ndescription: D\ndate: 2025-06-24\nauthor: A\ntags: []\n---\n\nWords.\n")
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as server:
        site = make_site(package, 7, "remote", tmp_path / "site", url=server.url)
        site.synced("news: 7 changed", CMS_TEST_OPTIONS='{"images": "local"}')


def test_photos_without_the_integration_are_refused_with_the_way_out(
    package: Package, still_cms: CmsServer, tmp_path: Path
) -> None:
    site = make_site(package, 7, "remote", tmp_path / "site", url=still_cms.url)
    said = site.failed(CMS_TEST_OPTIONS='{"images": "local"}')
    assert "add the integration to astro.config" in said
    assert 'cms({ images: "remote" })' in said


@pytest.mark.parametrize(("version", "name"), [LEGACY, MODERN])
def test_the_types_are_right(version: int, name: str, package: Package, still_cms: CmsServer, tmp_path: Path) -> None:
    site = make_site(package, version, name, tmp_path / "site", url=still_cms.url)
    result = site.run("check")
    assert result.returncode == 0, result.stdout
    assert "0 errors" in result.stdout


def test_a_browser_sees_the_photos(built: Callable[[int, str], AstroSite]) -> None:
    with serving(built(7, "modern").folder / "dist") as url, chromium_page() as page:
        answers: dict[str, int] = {}
        page.on("response", lambda answer: answers.update({answer.url.removeprefix(url): answer.status}))
        for path, expected in {"/": 6, "/news/en/opening-day/": 5, "/news/km/river-bus/": 4}.items():
            page.goto(url + path)
            page.evaluate("for (const photo of document.images) photo.loading = 'eager'")
            page.wait_for_function("[...document.images].every((photo) => photo.complete)")
            widths = page.evaluate("[...document.images].map((photo) => photo.naturalWidth)")
            assert len(widths) == expected
            assert all(width > 0 for width in widths)
    assert {status for path, status in answers.items() if path != "/favicon.ico"} == {200}
