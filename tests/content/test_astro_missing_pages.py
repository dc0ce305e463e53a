"""A build of the site says which pages it has not got, or has without their content, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.astro_site import AstroSite, Package, make_site
from tests.components import CmsServer, cms, cms_server

TORN = "src/content/news/en/torn.md"
SAID = "news: 1 file has no page, as the CMS cannot read it:"


CHART = "src/content/news/en/chart.mdx"
MDX = """\
---
title: A chart
description: All loans
date: 2025-06-24
author: Reading Room
image: "@/assets/news/river-bus/photo-1.jpg"
tags: []
---
import Chart from '../../components/Chart.astro';

# Loans {1 + 1}

<Chart client:load />
"""


@pytest.fixture
def server(content: Path, tmp_path: Path) -> Iterator[CmsServer]:
    """A CMS with one broken article, and one in MDX."""
    (content / CHART).write_text(MDX)
    (content / TORN).write_text("---\ntitle: [one\n---\n")
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as running:
        yield running


def token_of(server: CmsServer, *scopes: str) -> str:
    chosen = [word for scope in scopes for word in ("--scope", scope)]
    return cms(server.site, "token", "create", "--name", "build", *chosen).stdout.strip()


def options(value: str) -> dict[str, str]:
    return {"CMS_TEST_OPTIONS": json.dumps({"onBroken": value})}


def check_mdx(site: AstroSite) -> None:
    """The entry in MDX has data and body, and a page without content."""
    files = site.files()
    (entry,) = [one for one in json.loads(files["entries.json"]) if one["id"] == "en/chart"]
    assert entry["data"]["title"] == "A chart"
    page = files["news/en/chart/index.html"].decode()
    assert "A chart" in page
    assert "Loans" not in page


def test_pages_that_are_missing_or_empty_are_told(package: Package, server: CmsServer, tmp_path: Path) -> None:
    token = token_of(server, "articles:read-drafts:news")
    for version in (5, 7):
        site = make_site(package, version, "modern", tmp_path / f"site-{version}", url=server.url)
        empty = f"news: 1 MDX entry has data and body, but no content to render ({CHART})"
        site.built("news: 7 changed", SAID, f"{TORN}: ", "not valid YAML", empty, CMS_TOKEN=token)
        check_mdx(site)
    # What is broken is told each time, though it is no news.
    said = site.failed(CMS_TOKEN=token, **options("error"))
    assert SAID in said
    assert TORN in said
    assert "cannot read" not in site.synced("news: 0 changed, 7 in all", CMS_TOKEN=token, **options("ignore"))
    other = token_of(server, "images:write")
    said = site.failed(CMS_TOKEN=other, **options("error"))
    assert "give the one in CMS_TOKEN the scope articles:read-drafts" in said
