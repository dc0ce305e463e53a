"""F1: a running service makes the variants of an upload before those of a stock, and ends in the middle of a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import urllib3

from tests.api.editing import TEXT
from tests.api.test_images import picture
from tests.components import cms, cms_server
from tests.conftest import eventually
from tests.photos.stock import grainy

STOCK = 30
MOST_BETWEEN = 10
"""So many of the stock may be made before the upload: two are under way, and it takes a while to be asked about."""


def test_an_upload_goes_before_a_stock(tmp_path: Path) -> None:
    site = tmp_path / "site"
    article = site / "src/content/news/en/only.md"
    article.parent.mkdir(parents=True)
    article.write_text(TEXT)
    for number in range(STOCK):
        grainy(site / f"src/assets/stock/{number:02}.jpg", (700, 500))
    token = cms(site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    headers = {"Authorization": f"Bearer {token}"}

    def made() -> int:
        return len(list(site.glob(".cms/variants/*/facts-2.json")))

    with cms_server(site, tmp_path / "log") as server, urllib3.PoolManager(retries=False) as http:
        images = f"{server.url}/api/v1/images"
        assert eventually(lambda: made() >= 2)
        fields: list[Any] = [("folder", "zz"), ("files", ("new.jpg", picture(size=(700, 500))))]
        answer = http.request("POST", images, fields=fields, headers=headers)
        assert answer.status == 201, answer.data
        before = made()
        assert eventually(lambda: http.request("GET", f"{images}/zz/new.jpg", headers=headers).json()["srcset"])
        assert made() - before <= MOST_BETWEEN < STOCK - before
    assert server.process.returncode == 0
    assert "is killed" not in server.log.read_text()
    assert made() < STOCK, "it has not gone on to the end"
