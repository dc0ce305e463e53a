"""What a build does when the CMS fails it: nothing is lost, and the message says what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.astro_site import Package, make_site
from tests.components import CmsServer, cms, cms_server, cms_server_at, ending, free_port
from tests.severing import severing

STALE = json.dumps({"offline": "stale"})


def test_a_cms_killed_in_the_middle_of_a_build_costs_nothing_but_that_build(
    package: Package, content: Path, tmp_path: Path
) -> None:
    log = tmp_path / "cms.log"
    with cms_server(content, log, "--no-worker") as server, severing(server.url) as way:
        site = make_site(package, 7, "modern", tmp_path / "site", url=way.url)
        before = site.built()
        change(content)
        way.at, way.victim = "/media/", server.process
        said = site.failed("build")
        assert f"{way.url}/media/" in said or f"The CMS at {way.url}" in said
        assert site.files() == before
        with cms_server_at(server.port, content, log, "--no-worker") as again:
            way.at, way.victim = "/api/v1/sync?collection=news", again.process
            assert f"The CMS at {way.url}" in site.failed()
        assert site.built("Building from what was there before: 6 articles", CMS_TEST_OPTIONS=STALE) == before
        way.at = None
        with cms_server_at(server.port, content, log, "--no-worker"):
            after = site.built("news: 1 changed, 6 in all")
    assert "Rain" in after["news/en/river-bus/index.html"].decode()
    assert {name for name in before.keys() ^ after.keys() if not name.startswith("_astro/photo-3.")} == set()


def change(content: Path) -> None:
    """Another title, and another photo at the path of one."""
    article = content / "src/content/news/en/river-bus.md"
    article.write_text(article.read_text().replace('title: "The book boat', 'title: "Rain: the book boat'))
    photo = content / "src/assets/news/river-bus/photo-3.jpg"
    photo.write_bytes(photo.read_bytes() + b"\0")
    assert cms(content, "sync").returncode == 0


def test_without_a_cms_a_first_build_fails_and_says_what_to_do(package: Package, tmp_path: Path) -> None:
    site = make_site(package, 7, "modern", tmp_path / "site", url=f"http://127.0.0.1:{free_port()}")
    said = f"The CMS at {site.url} does not answer (ECONNREFUSED). Is it running, and is CMS_URL right?"
    assert said in site.failed(CMS_TEST_OPTIONS=STALE)


def test_stale_needs_the_photos_too(package: Package, content: Path, tmp_path: Path) -> None:
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as server:
        site = make_site(package, 7, "modern", tmp_path / "site", url=server.url)
        site.synced(CMS_TEST_OPTIONS=STALE)
        with ending(server.process):
            pass
    site.photos[0].unlink()
    assert "does not answer" in site.failed(CMS_TEST_OPTIONS=STALE)


def test_a_private_cms_wants_a_token_and_the_token_stays_out_of_the_site(
    package: Package, content: Path, tmp_path: Path
) -> None:
    with cms_server(content, tmp_path / "cms.log", "--no-worker", CMS_PUBLIC_READ="false") as server:
        site = make_site(package, 7, "modern", tmp_path / "site", url=server.url)
        assert "It wants a token; make one with `cms token create` and set CMS_TOKEN." in site.failed()
        assert "The token in CMS_TOKEN does not do" in site.failed(CMS_TOKEN="wrong")
        token = cms(content, "token", "create", "--name", "build", "--scope", "read").stdout.strip()
        site.built("news: 6 changed", CMS_TOKEN=token)
    written = [path for path in site.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(written) > 50
    assert [path for path in written if token.encode() in path.read_bytes()] == []


def test_drafts_are_built_for_who_may_read_them(package: Package, still_cms: CmsServer, tmp_path: Path) -> None:
    site = make_site(package, 7, "modern", tmp_path / "site", url=still_cms.url)
    options = json.dumps({"drafts": True})
    assert "set CMS_TOKEN to one with the scope articles:read-drafts" in site.failed(CMS_TEST_OPTIONS=options)
    created = cms(still_cms.site, "token", "create", "--name", "preview", "--scope", "articles:read-drafts")
    site.synced("news: 7 changed", CMS_TEST_OPTIONS=options, CMS_TOKEN=created.stdout.strip())
    site.synced("news: 6 changed, 6 in all")


def test_what_the_schema_refuses_fails_the_build_as_in_a_local_file(
    package: Package, content: Path, tmp_path: Path
) -> None:
    (content / "src/content/news.schema.json").unlink()
    article = content / "src/content/news/en/river-bus.md"
    article.write_text(article.read_text().replace("author:", "writer:"))
    with cms_server(content, tmp_path / "cms.log", "--no-worker") as server:
        said = make_site(package, 7, "modern", tmp_path / "site", url=server.url).failed()
    assert "en/river-bus" in said
    assert "author" in said


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"CMS_URL": "cms.example.org"}, "is no address of a CMS; set CMS_URL or the option url"),
        ({"CMS_TEST_OPTIONS": '{"render": "mdx"}'}, 'render is "mdx"; it can be "astro" or "cms"'),
        ({"CMS_TEST_OPTIONS": '{"fields": ["data", "colour"]}'}, "'colour' is no member; there are"),
        ({"CMS_TEST_OPTIONS": '{"collection": "nothing"}'}, "answered 404 to /api/v1/sync"),
    ],
)
def test_wrong_settings_are_named(
    env: dict[str, str], said: str, package: Package, still_cms: CmsServer, tmp_path: Path
) -> None:
    site = make_site(package, 7, "modern", tmp_path / "site", url=still_cms.url)
    assert said in site.failed(**env)
