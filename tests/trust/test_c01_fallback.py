"""C1: a list in a locale that has no article yet has the stand-ins, whatever else is asked for."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text
from tests.conftest import both_databases

LOCALES = ("en", "km", "fr")
STATUSES = ("published", "draft", "scheduled", "broken", "all")
MORE = ("", "&q=the", "&sort=-date", "&filter[title][exists]=true", "&total=true", "&limit=1")


@both_databases
def test_a_locale_without_articles_has_stand_ins(client: FlaskClient) -> None:
    items = client.get(f"{ARTICLES}?collection=news&locale=fr&fallback=en").get_json()["items"]
    english = client.get(f"{ARTICLES}?collection=news&locale=en").get_json()["items"]
    assert english
    assert items == [{**item, "fallback": True} for item in english]


@pytest.fixture
def drafted(client: FlaskClient, admin: dict[str, str]) -> dict[str, str]:
    """The headers of somebody who sees the one draft, in English, that there is."""
    create_text(client, admin, "news/en/hidden", TEXT.replace("---\n", "---\ndraft: true\n", 1))
    return admin


@both_databases
def test_every_list_with_a_fallback_is_what_its_two_lists_say(
    client: FlaskClient, drafted: dict[str, str], ctx: Context
) -> None:
    """Each combination: with the articles of the locale, and those of the other that have no translation among them."""

    def names(query: str) -> dict[str, Any]:
        answer = client.get(f"{ARTICLES}?{query}", headers=drafted)
        assert answer.status_code == 200, (query, answer.text)
        return {f"{item['collection']}/{item['slug']}": item["id"] for item in answer.get_json()["items"]}

    for locale, other, status, collection in product(LOCALES, LOCALES, STATUSES, ("collection=news&", "")):
        for more in MORE if collection else ("", "&q=the", "&total=true"):
            whole = more.replace("&limit=1", "")
            own, stand_ins = (names(f"{collection}status={status}&locale={one}{whole}") for one in (locale, other))
            translated = names(f"{collection}status={status}&locale={locale}")  # found or not, it needs no stand-in
            expected = {name: one for name, one in stand_ins.items() if name not in translated} | own
            found = names(f"{collection}status={status}&locale={locale}&fallback={other}{whole}")
            assert found == expected, (locale, other, status, collection, more)
            first = names(f"{collection}status={status}&locale={locale}&fallback={other}{more}")
            assert first.items() <= found.items()
            assert len(first) == (min(1, len(found)) if "limit" in more else len(found))
