"""A build of the site says which pages it has not got, with the reason, when its token may know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.astro_site import Package, make_site
from tests.components import CmsServer, cms, cms_server

TORN = "src/content/news/en/torn.md"
SAID = "news: 1 file has no page, as the CMS cannot read it:"


@pytest.fixture
def server(content: Path, tmp_path: Path) -> Iterator[CmsServer]:
    """A CMS with one broken article."""
    (content / TORN).write_text("---\ntitle: [one\n---\n")
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as running:
        yield running


def token_of(server: CmsServer, *scopes: str) -> str:
    chosen = [word for scope in scopes for word in ("--scope", scope)]
    return cms(server.site, "token", "create", "--name", "build", *chosen).stdout.strip()


def options(value: str) -> dict[str, str]:
    return {"CMS_TEST_OPTIONS": json.dumps({"onBroken": value})}


def test_broken_files_are_told_as_the_option_says(package: Package, server: CmsServer, tmp_path: Path) -> None:
    token = token_of(server, "articles:read-drafts:news")
    for version in (5, 7):
        site = make_site(package, version, "modern", tmp_path / f"site-{version}", url=server.url)
        site.synced("news: 6 changed", SAID, f"{TORN}: ", "not valid YAML", CMS_TOKEN=token)
    # What is broken is told each time, though it is no news.
    said = site.failed(CMS_TOKEN=token, **options("error"))
    assert SAID in said
    assert TORN in said
    assert "cannot read" not in site.synced("news: 0 changed, 6 in all", CMS_TOKEN=token, **options("ignore"))
    other = token_of(server, "images:write")
    said = site.failed(CMS_TOKEN=other, **options("error"))
    assert "give the one in CMS_TOKEN the scope articles:read-drafts" in said
