"""C12: photos are found by the names that `decodeURI` makes of a body's references, as Astro finds them."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.context import Context
from cms.model import refs
from cms.model.markdown import render
from cms.model.percent_encoding import decode_uri
from tests.api.editing import ARTICLES, create_text
from tests.conftest import reconcile
from tests.content.astro_functions import asked, rendered
from tests.trust.poison import yaml_file

FOLDER = "../../../assets/odd"
RULES = "title: x\ndescription: x\ndate: 2025-06-24\nauthor: x\ntags: []\n"
FOUND = {
    "sp ace.jpg": ("sp%20ace.jpg", "<sp ace.jpg>"),
    "ünï.jpg": ("ünï.jpg", "%C3%BCn%c3%af.jpg"),
    "100%.jpg": ("100%25.jpg",),
    "a+b&c=d@e$f,g;h.jpg": ("a+b&c=d@e$f,g;h.jpg", "a+b&amp;c=d@e$f,g;h.jpg"),
    "plus%2B.jpg": ("plus%2B.jpg", "plus%252B.jpg"),
    "brack[et].jpg": ("brack%5Bet%5D.jpg", "brack[et].jpg"),
    "hash#1.jpg": ("hash#1.jpg",),
}
MISSING = (
    "plus%2Bamp%26.jpg", "hash%231.jpg", "q%3Fv.jpg", "q?v.jpg", "a%2Bb&c=d@e$f,g;h.jpg", "50%.jpg", "%C3.jpg",
    "%zz.jpg", "%ED%A0%80.jpg", "100%25%.jpg",
)  # fmt: skip


@pytest.fixture
def photos(site: Path) -> Path:
    folder = site / "src/assets/odd"
    folder.mkdir()
    some = next((site / "src/assets").rglob("*.jpg"))
    for name in (*FOUND, "plus+amp&.jpg", "q?v.jpg", "50%.jpg"):
        shutil.copy(some, folder / name)
    return folder


def _written(source: str) -> str:
    return f"<{FOLDER}/{source[1:]}" if source.startswith("<") else f"{FOLDER}/{source}"


def test_photos_are_found_where_the_site_finds_them(
    ctx: Context, client: FlaskClient, admin: dict[str, str], photos: Path
) -> None:
    reconcile(ctx)
    sources = [(name, _written(source)) for name, written in FOUND.items() for source in written]
    body = "\n\n".join(f"![a]({source})" for _, source in sources)
    sent = {"id": "en/odd", "data": {"title": "t"}, "body": body}
    created = client.post(f"{ARTICLES}/news", json=sent, headers=admin)
    problems = {problem["code"] for problem in created.get_json().get("errors", [])}
    assert "image_missing" not in problems, created.text
    found = [ref.path for ref in refs.find_in_body(render(body).images, body, "src/content/news/en/odd.md")]
    assert found == [f"odd/{name}" for name, _ in sources]


@pytest.mark.parametrize("source", MISSING)
def test_a_photo_that_the_site_does_not_find_is_missing(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, photos: Path, source: str
) -> None:
    reconcile(ctx)
    body = f"![a]({FOLDER}/{source})"
    sent = {"id": "en/odd", "data": {"title": "t"}, "body": body}
    refused = client.post(f"{ARTICLES}/news", json=sent, headers=admin)
    assert refused.status_code == 422
    assert "image_missing" in {problem["code"] for problem in refused.get_json()["errors"]}, refused.text
    file = site / "src/content/news/en/odd.md"
    assert not file.exists()
    file.write_bytes(yaml_file("") + body.encode())
    reconcile(ctx)
    (shown,) = client.get(f"{ARTICLES}/news/en/odd").get_json()["images"]
    assert shown["missing"] is True
    found = [one for one in check(ctx) if one.path == "src/content/news/en/odd.md" and one.code == "image_missing"]
    assert len(found) == 1, found


def test_what_is_no_photo_of_the_site_is_shown_as_it_is_written(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    body = "![a](https://x.org/i.png?w=50%) ![b](/50%.png) ![c](https://x.org/%FF)\n"
    create_text(client, admin, "news/en/away", f"---\n{RULES}---\n{body}")
    html = client.get(f"{ARTICLES}/news/en/away").get_json()["html"]
    assert re.findall('src="([^"]*)"', html) == ["https://x.org/i.png?w=50%25", "/50%25.png", "https://x.org/%FF"]


def test_escapes_are_decoded_as_javascript_does(nodejs: str) -> None:
    chance = random.Random(12)
    pieces = ["%", "%2", "a", "ü", "%C3", "%BC", "%E1%9E", "%80", "%F0%9F%8E%89", "%ED%A0%80", "%c0%af", "%2b", "🎉"]
    texts = [f"x%{code:02X}y" for code in range(256)] + [f"%{code:02x}" for code in range(256)]
    texts += ["".join(chance.choices(pieces, k=chance.randint(1, 6))) for _ in range(5000)]
    assert [decode_uri(text) for text in texts] == asked("astro_names.mjs", 7, uris=texts)["uris"]


def test_the_images_of_generated_bodies_are_those_of_astro(nodejs: str) -> None:
    chance = random.Random(121)
    pieces = [
        "a",
        "ü",
        "%20",
        "%2B",
        "%26",
        "+",
        "&",
        "_",
        "[x]",
        ";",
        "#",
        "?",
        "%",
        "'",
        "~",
        "(b)",
        "%C3%BC",
        "\\_",
        "&amp;",
        "%25",
    ]
    names = ["".join(chance.choices(pieces, k=chance.randint(1, 5))) for _ in range(1500)]
    bodies = [f"![t](../x/{name}.jpg)" for name in names] + [f"![t](<../x/ {name}.png>)" for name in names]
    for body, site in zip(bodies, rendered(7, bodies), strict=True):
        found = [decode_uri(ref.ref) for ref in refs.find_in_body(render(body).images, body, "src/content/a/b.md")]
        assert found == ([None] if "malformed" in site.get("error", "") else site["images"]), body
