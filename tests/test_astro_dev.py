"""`astro dev` shows edits, new photos and drafts as they are made."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.astro_site import AstroSite, Package, make_site
from tests.components import cms, cms_server, cms_server_at, ending, free_port, wait_for
from tests.conftest import eventually

TITLE = "A title that no article has had"


@contextmanager
def developing(site: AstroSite, log: Path, **env: str) -> Iterator[str]:
    port = free_port()
    command = [site.node, "node_modules/.bin/astro", "dev", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=site.folder, env=site.environment(**env), stdout=out, stderr=out)
        with ending(process):
            wait_for(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"


def page_at(url: str) -> bytes:
    data: bytes = urllib3.request("GET", url, timeout=60).data
    return data


@pytest.mark.parametrize("version", [5, 7])
def test_edits_show_without_a_restart(version: int, package: Package, content: Path, tmp_path: Path) -> None:
    token = cms(content, "token", "create", "--name", "t", "--scope", "admin").stdout.strip()
    with cms_server(content, tmp_path / "cms.log") as server:
        site = make_site(package, version, "modern", tmp_path / "site", url=server.url)
        options = json.dumps({"drafts": True})
        with developing(site, tmp_path / "dev.log", CMS_TEST_OPTIONS=options, CMS_TOKEN=token) as url:
            page = f"{url}/news/en/river-bus/"
            assert b"The book boat reaches" in page_at(page)
            edit(server.url, token, {"data": {"title": TITLE}})
            assert eventually(lambda: TITLE.encode() in page_at(page))
            assert TITLE.encode() in page_at(url)

            photo = "src/assets/news/river-bus/photo-1.jpg"
            replacement = (content / photo).read_bytes() + b"\0"
            before = set(site.photos)
            (content / photo).write_bytes(replacement)
            assert eventually(lambda: [path for path in set(site.photos) - before if path.suffix == ".jpg"])
            (fetched,) = set(site.photos) - before
            assert fetched.read_bytes() == replacement
            assert eventually(lambda: fetched.parent.name.encode() in page_at(page))

            with ending(server.process):
                pass
            assert eventually(lambda: "Edits are shown again when it is back" in (tmp_path / "dev.log").read_text())
            with cms_server_at(server.port, content, tmp_path / "cms.log"):
                edit(server.url, token, {"data": {"title": "Back"}})
                assert eventually(lambda: b"<h1>Back</h1>" in page_at(page))


def edit(cms_url: str, token: str, change: dict[str, Any]) -> None:
    url = f"{cms_url}/api/v1/articles/news/en/river-bus"
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/merge-patch+json",
        "If-Match": urllib3.request("GET", url).headers["ETag"],
    }
    answer = urllib3.request("PATCH", url, headers=headers, json=change)
    assert answer.status == 200, answer.data
