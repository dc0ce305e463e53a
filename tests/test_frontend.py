"""A real Astro site builds from the API: what the CMS publishes is what its pages show."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
import urllib3

from tests.components import ASTRO, cms_server, ending, program, settings_environment

pytestmark = pytest.mark.xdist_group("astro")

BUILD_TIMEOUT_S = 120


@dataclass
class Frontend:
    """A copy of the Astro site, building from a running CMS over `site`."""

    node: str
    folder: Path
    site: Path
    url: str
    cms: subprocess.Popen[bytes]

    def build(self) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "CMS_URL": self.url, "ASTRO_TELEMETRY_DISABLED": "1", "NO_COLOR": "1"}
        command = [self.node, "node_modules/astro/bin/astro.mjs", "build"]
        return subprocess.run(
            command, cwd=self.folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=BUILD_TIMEOUT_S, check=False,
        )  # fmt: skip

    def built(self, *said: str) -> dict[str, bytes]:
        """Every file of the built site; `said` is what the build told on the way."""
        result = self.build()
        assert result.returncode == 0, result.stdout
        for words in said:
            assert words in result.stdout
        return self.files()

    def files(self) -> dict[str, bytes]:
        dist = self.folder / "dist"
        return {path.relative_to(dist).as_posix(): path.read_bytes() for path in dist.rglob("*") if path.is_file()}

    def articles(self, collection: str) -> list[dict[str, Any]]:
        """The published English articles of the collection, as the CMS describes them."""
        query = f"collection={collection}&locale=en&status=published&limit=100"
        with urllib3.PoolManager() as http:
            answer = http.request("GET", f"{self.url}/api/v1/articles?{query}")
        assert answer.status == 200, answer.data
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture
def frontend(node: str, site: Path, tmp_path: Path) -> Iterator[Frontend]:
    folder = tmp_path / "astro"
    shutil.copytree(ASTRO, folder, ignore=shutil.ignore_patterns("node_modules", ".astro", "dist"))
    (folder / "node_modules").symlink_to(ASTRO / "node_modules")
    with cms_server(site, tmp_path / "cms.log") as server:
        yield Frontend(node, folder, site, server.url, server.process)


@dataclass
class Page(HTMLParser):
    """What a visitor gets from a page: its text, its links, its photos."""

    html: bytes
    text: str = ""
    links: list[str] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.html.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        of = dict(attrs)
        if tag == "a":
            self.links.append(unquote(of["href"] or ""))
        if tag == "img":
            self.photos.append(unquote(of["src"] or ""))

    def handle_data(self, data: str) -> None:
        self.text += data


def address(collection: str, name: str) -> str:
    """The path of the article's page: `news`, `en/rain` is at `/en/news/rain/`."""
    locale, slug = name.split("/", 1)
    return f"/{locale}/{collection}/{slug}/"


def page_at(files: dict[str, bytes], path: str) -> Page:
    return Page(files[f"{path.strip('/')}/index.html"])


def test_an_article_its_translation_and_their_photos_are_in_the_built_site(frontend: Frontend) -> None:
    files = frontend.built()
    article = translated(frontend)
    (twin,) = article["translations"]
    english, khmer = address("news", article["id"]), address("news", twin["id"])

    page, other = page_at(files, english), page_at(files, khmer)
    assert article["data"]["title"] in page.text
    assert khmer in page.links
    assert english in other.links
    assert english in page_at(files, "en").links
    assert khmer in page_at(files, "km").links

    shown = {image["path"] for image in article["images"]}
    assert set(page.photos) == {f"/media/{path}" for path in shown}
    for path in shown:
        assert files[f"media/{path}"] == (frontend.site / "src/assets" / path).read_bytes()


def translated(frontend: Frontend) -> dict[str, Any]:
    """An article with a translation, a photo in its front matter and one in its body."""
    for article in frontend.articles("news"):
        fields = {image["field"] for image in article["images"]}
        if article["translations"] and None in fields and len(fields) > 1:
            return article
    raise LookupError("an article with a translation and photos")


def test_published_articles_are_listed_newest_first_and_a_draft_is_not_built(frontend: Frontend) -> None:
    files = frontend.built()
    published = sorted(frontend.articles("news"), key=lambda item: str(item["data"]["date"]), reverse=True)
    listed = [link for link in page_at(files, "en").links if link.startswith("/en/news/")]
    assert listed == [address("news", item["id"]) for item in published]

    news = frontend.site / "src/content/news"
    drafts = [path.relative_to(news).with_suffix("") for path in news.rglob("*.md") if is_draft(path)]
    assert drafts
    pages = [Page(html) for name, html in files.items() if name.endswith(".html")]
    for draft in drafts:
        path = address("news", draft.as_posix())
        assert f"{path.strip('/')}/index.html" not in files
        assert not any(path in page.links for page in pages)


def is_draft(path: Path) -> bool:
    return "\ndraft: true" in path.read_text()


def test_a_place_shows_its_address_and_the_members_of_its_team(frontend: Frontend) -> None:
    files = frontend.built()
    place = next(item for item in frontend.articles("places") if item["data"]["team"]["member"])
    text = page_at(files, address("places", place["id"])).text
    assert place["data"]["contact"]["address"] in text
    for member in place["data"]["team"]["member"]:
        assert member["name"] in text
        assert member["title"] in text


def test_after_an_edit_the_next_build_fetches_and_changes_only_what_shows_it(frontend: Frontend) -> None:
    before = frontend.built()
    article = translated(frontend)
    title = "A title that no article has had"
    edit(frontend, article["id"], {"title": title})

    after = frontend.built("news: 1 changed", "places: 0 changed")
    path = address("news", article["id"])
    assert after.keys() == before.keys()
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {f"{path.strip('/')}/index.html", "en/index.html"}
    assert title in page_at(after, path).text
    assert title in page_at(after, "en").text


def test_a_withdrawn_article_leaves_the_next_build_with_the_links_to_it(frontend: Frontend) -> None:
    before = frontend.built()
    article = translated(frontend)
    edit(frontend, article["id"], {"draft": True})

    after = frontend.built()
    path = address("news", article["id"])
    assert f"{path.strip('/')}/index.html" in before.keys() - after.keys()
    twin = address("news", article["translations"][0]["id"])
    assert path in page_at(before, twin).links
    for name in after:
        assert not name.endswith(".html") or path not in Page(after[name]).links


def edit(frontend: Frontend, name: str, data: dict[str, Any]) -> None:
    command = [str(program("cms")), "token", "create", "--name", "t", "--scope", "admin"]
    made = subprocess.run(
        command, env=settings_environment(frontend.site), check=True, capture_output=True, text=True, timeout=60
    )
    url = f"{frontend.url}/api/v1/articles/news/{quote(name)}"
    with urllib3.PoolManager() as http:
        headers = {
            "Authorization": f"Bearer {made.stdout.strip()}",
            "Content-Type": "application/merge-patch+json",
            "If-Match": http.request("GET", url).headers["ETag"],
        }
        answer = http.request("PATCH", url, headers=headers, json={"data": data})
    assert answer.status == 200, answer.data


def test_without_the_cms_the_build_fails_and_says_so(frontend: Frontend) -> None:
    before = frontend.built()
    with ending(frontend.cms):
        pass
    result = frontend.build()
    assert result.returncode != 0
    assert f"The CMS at {frontend.url} does not answer." in result.stdout
    assert frontend.files() == before
