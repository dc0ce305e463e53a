"""A whole real site: read without an error, with Astro's ids, its photos found, its words searched.

It is the site that CMS_TEST_SITE names, else the sample.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.model import ids
from cms.model.pointer import strings
from cms.model.slugger import slug
from tests.conftest import (
    REAL,
    SAMPLE,
    bearer,
    both_databases,
    close,
    copy_site,
    make_client,
    make_context,
    make_settings,
    site_of,
)

pytestmark = pytest.mark.xdist_group("real site")  # one process reads it

LINK = re.compile(r"\]\([^)]*\)")


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    folder = tmp_path_factory.mktemp("real")
    made = make_context(make_settings(copy_site(REAL, folder / "site"), f"sqlite:///{folder}/cms.db"))
    yield made
    close(made)


@pytest.fixture(scope="module")
def client(ctx: Context) -> FlaskClient:
    return make_client(ctx)


@pytest.fixture(scope="module")
def articles(ctx: Context, client: FlaskClient) -> list[dict[str, Any]]:
    """Every article, drafts too, with all that is known of it."""
    lines = client.get("/api/v1/sync?drafts=true", headers=bearer(ctx, "articles:read-drafts")).text.splitlines()
    return [line for line in map(json.loads, lines) if line["type"] == "article"]


def files_of(ctx: Context) -> list[str]:
    return sorted(stat.key for stat in ctx.site.list("src/content") if ids.is_article(stat.key))


def test_every_file_is_an_article_and_none_is_broken(ctx: Context, articles: list[dict[str, Any]]) -> None:
    assert sorted(article["path"] for article in articles) == files_of(ctx)
    assert len({(article["collection"], article["id"]) for article in articles}) == len(articles)
    assert {article["locale"] for article in articles} == {"en", "km"}


def test_ids_are_plain_whatever_the_file_is_called(articles: list[dict[str, Any]]) -> None:
    for article in articles:
        assert all(slug(segment) == segment for segment in article["id"].split("/"))
        assert " " not in article["id"]


def test_every_photo_reference_is_resolved_or_flagged(ctx: Context, articles: list[dict[str, Any]]) -> None:
    seen = set()
    for article in articles:
        for image in article["images"]:
            seen.add(image["ref"].split("assets/")[0])
            assert image["path"] is not None, (article["path"], image["ref"])
            file = site_of(ctx) / "src/assets" / image["path"]
            assert image["missing"] == (not file.exists())
            if not image["missing"]:
                assert image["bytes"] == file.stat().st_size
                assert image["width"] > 0
                assert image["height"] > 0
    if REAL == SAMPLE:
        assert seen == {"@/", "src/", "/src/", "../../../"}


def test_every_text_mention_of_a_photo_is_found(ctx: Context, articles: list[dict[str, Any]]) -> None:
    for article in articles:
        text = (site_of(ctx) / article["path"]).read_text()
        mentions = re.findall(r"(?:@|~|src|\.\.)/assets/", text)
        assert len(mentions) == len(article["images"]), article["path"]


def test_nothing_was_written_into_the_site(ctx: Context) -> None:
    for key in files_of(ctx):
        assert (site_of(ctx) / key).read_bytes() == (REAL / key).read_bytes()


QUERIES = ("ក្រសួង", "បច្ចេកវិទ្យា", "មជ្ឈមណ្ឌល", "ខេត្ត", "សិស្ស", "តា", "tech", "AI", "library", "បណ្ណាល័យ")


@both_databases
def test_search_finds_khmer_wherever_it_stands_and_other_words_by_their_beginning(
    articles: list[dict[str, Any]], database_url: str, tmp_path: Path
) -> None:
    texts = [[*(text for _, text in strings(item["data"])), LINK.sub("]", item["body"])] for item in articles]
    expected = {query: sum(any(is_in(query, text) for text in each) for each in texts) for query in QUERIES}
    made = make_context(make_settings(copy_site(REAL, tmp_path / "site"), database_url))
    client, reader = make_client(made), bearer(made, "articles:read-drafts")

    def total(query: str) -> int:
        asked = {"q": query, "status": "all", "total": "true", "limit": "1"}
        found: int = client.get("/api/v1/articles", query_string=asked, headers=reader).get_json()["total"]
        return found

    found = {query: total(query) for query in QUERIES}
    close(made)
    assert found == expected


def is_in(query: str, text: str) -> bool:
    """A consonant below another (U+17D2 before it) begins no cluster."""
    start = r"\b" if query.isascii() else "(?<!\u17d2)"
    return re.search(start + plain(query), plain(text)) is not None


def plain(text: str) -> str:
    """Without case, Unicode form and zero-width spaces."""
    return unicodedata.normalize("NFC", text).replace("\u200b", "").casefold()
