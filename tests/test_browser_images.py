"""A browser fetches a photo of an article in the width in which the page shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.actions import renditions
from cms.context import Context
from tests.browser import chromium_page, serving


@pytest.mark.usefixtures("few_photos", "without_avif")
def test_a_photo_in_a_narrow_column_comes_in_a_narrow_variant(
    ctx: Context, client: FlaskClient, tmp_path: Path
) -> None:
    renditions.make(ctx)
    article = client.get("/api/v1/articles/news/en/river-bus").get_json()
    page = tmp_path / "page"
    for image in article["images"]:
        for url in (image["url"], *(variant["url"] for variant in image["variants"])):
            target = page / url.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(client.get(url).data)
    style = "<style>main { width: 300px } img { max-width: 100%; height: auto }</style>"
    (page / "index.html").write_text(f"<!doctype html>{style}<main>{article['html']}</main>")
    with serving(page) as url, chromium_page() as browser:
        browser.goto(url)
        photo = browser.locator("img").first
        photo.scroll_into_view_if_needed()
        browser.wait_for_function("document.images[0].complete && document.images[0].naturalWidth")
        assert photo.evaluate("(image) => image.currentSrc").endswith("/320.webp")
        assert photo.evaluate("(image) => image.getBoundingClientRect().width") == 300
