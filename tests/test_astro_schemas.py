"""The site's schema is what editors meet: `astro sync` writes it where the CMS reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.astro_site import Package, make_site
from tests.components import CmsServer, cms, cms_server

NEWS = "src/content/news"


@pytest.mark.parametrize(("version", "name"), [(5, "modern"), (5, "legacy"), (7, "modern")])
def test_schemas_go_to_the_cms_with_photos_and_references(
    version: int, name: str, package: Package, content: Path, tmp_path: Path
) -> None:
    (content / "src/content/news.schema.json").unlink()
    (content / "src/content/news.cms.json").write_text('{"alt_required": true, "images": ["banner"]}')
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as server:
        site = make_site(package, version, name, tmp_path / "site", url=server.url)
        site.synced("news: the schema was written for the CMS", CMS_TEST_SCHEMAS=str(content))
        written = {path.name: path.read_bytes() for path in content.glob("src/content/*.json")}
        site.synced(CMS_TEST_SCHEMAS=str(content))
        assert written == {path.name: path.read_bytes() for path in content.glob("src/content/*.json")}
        assert cms(content, "sync").returncode == 0
        served = urllib3.request("GET", f"{server.url}/api/v1/collections/news/schema").json()

    assert read(content, "news.cms.json") == {"images": ["image"], "alt_required": True}
    people = read(content, "people.cms.json")
    assert people["images"] == ["gallery.photo"]
    assert people.get("references") == ({"place": "places"} if name == "modern" else None)
    made = json.loads((site.folder / ".astro/collections/news.schema.json").read_text())
    assert made == read(content, "news.schema.json") == served
    assert cms(content, "check", "--errors").returncode == 0


def read(content: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((content / "src/content" / name).read_text())
    return found


def test_nothing_is_written_unless_asked(package: Package, still_cms: CmsServer, tmp_path: Path) -> None:
    before = sorted((still_cms.site / "src").rglob("*.json"))
    make_site(package, 7, "modern", tmp_path / "site", url=still_cms.url).synced()
    assert sorted((still_cms.site / "src").rglob("*.json")) == before
