"""C25: words are found without their marks, below those with them; numbers are found, and paths of photos are not."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.api.editing import patch
from tests.api.test_search import search
from tests.conftest import both_databases, reconcile, site_of

pytestmark = both_databases

WORDS = {
    "ar": "مُحَمَّدٌ كتب",
    "de": "Straße Übung",
    "el": "Ελλάδα καὶ",
    "fr": "Élève, cœur naïf",
    "he": "שָׁלוֹם",
    "km": "ការិយាល័យ ក្រសួង ពាក្យ",
    "pl": "Łódź",
    "ru": "Ёлка йод",
    "tr": "İstanbul IŞIK ışıl",
    "vi": "Nguyễn, Đà Nẵng",
}


def write(ctx: Context, texts: dict[str, str]) -> Path:
    """Make a collection of articles that have the bodies, or are these files when they begin with a fence."""
    folder = site_of(ctx) / "src/content/marks"
    folder.mkdir()
    for name, text in texts.items():
        whole = text if text.startswith("---") else f"---\ntitle: T\n---\n{text}\n"
        (folder / f"{name}.md").write_text(whole)
    reconcile(ctx)
    return folder


def found(client: FlaskClient, q: str, **query: str) -> list[str]:
    """The ids in the collection, best first."""
    page = search(client, q, None, collection="marks", **query)
    assert page["total"] == len(page["items"])
    assert all(item["snippets"] for item in page["items"])
    return [item["id"] for item in page["items"]]


@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("ar", "محمد مُحَمَّد محم كتب"),
        ("de", "strasse Straße ubung übung UBUN"),
        ("el", "ελλαδα Ελλάδα ΕΛΛΑΔΑ και"),
        ("fr", "eleve Élève elève coeur cœur naif naïf elev"),
        ("he", "שלום שָׁלוֹם"),
        ("km", "ក្រសួង សួង ពាក្យ"),
        ("pl", "lodz łódź Lódź"),
        ("ru", "елка ёлка ЕЛК иод"),
        ("tr", "istanbul İstanbul ISTANBUL isik IŞIK ışık isil ışıl"),
        ("vi", "nguyen Nguyễn nguyên nang"),
    ],
)
def test_each_is_found_with_and_without_its_marks(ctx: Context, client: FlaskClient, name: str, queries: str) -> None:
    write(ctx, WORDS)
    for q in queries.split():
        for form in ("NFC", "NFD"):
            assert found(client, unicodedata.normalize(form, q)) == [name], q


@pytest.mark.parametrize("q", ["da nang", "Đà Nẵng", "đa nẵng", "nguyen, da na"])
def test_words_one_after_the_other_are_found_without_marks(ctx: Context, client: FlaskClient, q: str) -> None:
    write(ctx, WORDS)
    assert found(client, q) == ["vi"]
    assert found(client, "nang da") == []


@pytest.mark.parametrize("q", ["រសួង", "ក្រសូង", "ករសួង"])
def test_khmer_vowels_and_subscripts_are_no_marks(ctx: Context, client: FlaskClient, q: str) -> None:
    write(ctx, WORDS)
    assert found(client, q) == []


RANKED = {
    "a": "eleve " * 50,
    "b": "élève",
    "c": "élève eleve élève",
    "d": "---\ntitle: élève\n---\neleve",
    "e": "---\ntitle: eleve\n---\n",
    "f": "---\ntitle: other\n---\nélévation",
}


@pytest.mark.parametrize(
    ("q", "expected"),
    [("eleve", "aedcb"), ("élève", "dcbae"), ("élevé", "adecb"), ("elev", "aedcfb"), ("élé", "fadecb")],
)
def test_those_with_the_same_marks_come_first(ctx: Context, client: FlaskClient, q: str, expected: str) -> None:
    """The number of matches counts among those that are alike in this."""
    write(ctx, RANKED)
    assert "".join(found(client, q)) == expected


@pytest.mark.parametrize("sort", ["", "-relevance", "relevance", "id", "-relevance,-id", "-created_at"])
@pytest.mark.parametrize("q", ["eleve", "élève", "t"])
def test_pages_hold_each_hit_once_in_the_order_of_the_whole(
    ctx: Context, client: FlaskClient, q: str, sort: str
) -> None:
    write(ctx, {**RANKED, **{f"x{number}": "élève eleve"[number % 2 :] for number in range(7)}})
    query = {"collection": "marks", **({"sort": sort} if sort else {})}
    whole = [item["id"] for item in search(client, q, None, limit="100", **query)["items"]]
    paged: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = search(client, q, None, limit="2", **query, **more)
        assert page["total"] == len(whole)
        paged += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        more = {"cursor": page["next_cursor"]}
    assert paged == whole
    assert len(whole) == len(set(whole)) > 4


def test_a_hit_without_marks_is_shown_with_them(ctx: Context, client: FlaskClient) -> None:
    write(ctx, {"a": "---\ntitle: L’Élève d’Œuvre\n---\nthe Ele\u0301ve & co\n"})
    (item,) = search(client, "eleve", collection="marks")["items"]
    title, body = ({"pointer": "/data/title", "html": "L’<mark>Élève</mark> d’Œuvre"}, {"pointer": "/body"})
    assert item["snippets"] == [title, body | {"html": "the <mark>Ele\u0301ve</mark> &amp; co"}]
    (item,) = search(client, "oeuvre", collection="marks")["items"]
    assert item["snippets"] == [title | {"html": "L’Élève d’<mark>Œuvre</mark>"}]


def test_search_forgets_words_with_marks_that_are_saved_away(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    write(ctx, WORDS)
    url = "/api/v1/articles/marks/fr"
    saved = patch(client, admin, "marks/fr", client.get(url).headers["ETag"], {"body": "Où est l'été ?"})
    assert (found(client, "eleve"), found(client, "ete")) == ([], ["fr"])
    assert client.delete(url, headers={**admin, "If-Match": saved.headers["ETag"]}).status_code == 204
    assert found(client, "ete") == []


FRONT = """---
n: 4711
price: 3.50
below: -12
list: [7, {deep: 1234}]
large: 90071992547409930
sure: true
nothing: null
date: 2025-06-24
image: "@/assets/harbour/photo-one.jpg"
image2: ../../assets/harbour/photo one.JPEG
other: https://cdn.example.org/harbour/photo-one.webp
public: /images/harbour.png
bare: harbour.jpg
hero: {src: "~/assets/harbour/x.avif", alt: Ferry at night}
said: The file is called harbour-plan.jpg
---
![A lighthouse](@/assets/harbour/photo-two.jpg)
"""


@pytest.mark.parametrize(
    ("q", "pointer"),
    [
        ("4711", "/data/n"),
        ("471", "/data/n"),
        ("3.5", "/data/price"),
        ("12", "/data/below"),
        ("-12", "/data/below"),
        ("7", "/data/list/0"),
        ("1234", "/data/list/1/deep"),
        ("90071992547409930", "/data/large"),
        ("2025-06-24", "/data/date"),
        ("ferry", "/data/hero/alt"),
        ("plan.jpg", "/data/said"),
        ("lighthouse", "/body"),
    ],
)
def test_numbers_and_texts_of_front_matter_are_found(ctx: Context, client: FlaskClient, q: str, pointer: str) -> None:
    write(ctx, {"front": FRONT})
    (item,) = search(client, q, collection="marks")["items"]
    assert item["snippets"][0]["pointer"] == pointer
    assert "<mark>" in item["snippets"][0]["html"]


@pytest.mark.parametrize("q", ["harbour photo", "photo", "webp", "png", "assets", "cdn", "true", "null", "none", "11"])
def test_paths_of_photos_and_truth_values_are_not(ctx: Context, client: FlaskClient, q: str) -> None:
    write(ctx, {"front": FRONT})
    assert found(client, q) == []
