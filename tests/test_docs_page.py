"""The page /docs in a real browser."""

from __future__ import annotations

from pathlib import Path

from tests.browser import chromium_page
from tests.components import cms_server


def test_the_docs_page_shows_the_api_under_its_own_policy(light_site: Path, tmp_path: Path) -> None:
    with cms_server(light_site, tmp_path / "log", "--no-worker") as server, chromium_page() as page:
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{server.url}/docs")
        page.get_by_text("/api/v1/articles/{collection}/{article_id}").first.wait_for(timeout=60_000)
        operation = page.locator("#operations-articles-get_api_v1_articles")
        if operation.count():
            operation.click()
        assert complaints == []
        assert all(url.startswith((server.url, "data:")) for url in asked)
