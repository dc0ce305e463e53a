"""The page /docs in a real browser."""

from __future__ import annotations

from pathlib import Path

from tests.components import cms_server, has_module, program, require


def test_the_docs_page_shows_the_api_under_its_own_policy(site: Path, tmp_path: Path) -> None:
    chromium = program("chromium")
    require(chromium and has_module("playwright"), "Chromium and playwright")
    from playwright.sync_api import sync_playwright

    with cms_server(site, tmp_path / "log") as server, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = browser.new_page()
        complaints: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{server.url}/docs")
        page.get_by_text("/api/v1/articles/{collection}/{article_id}").first.wait_for(timeout=15_000)
        operation = page.locator("#operations-articles-get_api_v1_articles")
        if operation.count():
            operation.click()
        assert complaints == []
        assert all(url.startswith((server.url, "data:")) for url in asked)
        browser.close()
