"""C20, C21, K4, K5: which files are articles, and their ids, are as Astro's own glob loader has it."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.context import Context
from cms.model import article, ids
from cms.model.javascript_text import text_of
from cms.model.limits import Limits
from cms.model.slugger import RUNS, slug
from tests.api.editing import ARTICLES, patch
from tests.conftest import reconcile
from tests.content.astro_functions import asked, entries
from tests.trust.poison import yaml_file

UNBUILT = {
    "½.md": "id_empty", "½/index.md": "id_empty", "a#b.md": "file_name", "what?.md": "file_name",
    "sub#1/a.md": "file_name",
}  # fmt: skip
ODD = {"sub/①.md": "sub/", "🎉/x.md": "/x", "½/①/index.md": "/", "½/x/index.md": "/x", "a/½/b.md": "a//b"}
NAMES = (
    "a", "B c", "index", "Index", "½", "🎉", "_x", "x_", ".x", "x.y", "a#b", "q?", "50%", "100%25", "é", "e\u0301",
    "ក្រសួង", "İ", "ΑΣ", "ß", "ﬁ", "a+b", "a&b", "a:b", "[x]", "{a,b}", "(x)", "!x", "@x", "*", "~", "a\\b", "-", "--",
    "$", "'", '"', "Ⓜ", "𝒳", "\u00a0x", " x", "x ", "\u200bx", "md", "x.md",
)  # fmt: skip
PATTERN = "**/[^_]*.md"


@pytest.mark.parametrize(("path", "code"), UNBUILT.items())
def test_a_file_that_the_site_cannot_build_is_broken_and_can_be_renamed(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, path: str, code: str
) -> None:
    file = site / "src/content/news" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(yaml_file(""))
    reconcile(ctx)
    key = f"src/content/news/{path}"
    assert [(one.severity, one.code) for one in check(ctx) if one.path == key] == [("error", code)]
    name = "news/" + quote(path.removesuffix(".md"), safe="")
    assert client.get(f"{ARTICLES}/{name}").status_code == 404
    found = client.get(f"{ARTICLES}/{name}", headers=admin)
    assert (found.status_code, found.get_json()["status"]) == (200, "broken")
    renamed = patch(client, admin, name, found.headers["ETag"], {"id": "en/plain"})
    assert renamed.status_code == 200, renamed.text
    assert client.get(f"{ARTICLES}/news/en/plain").status_code == 200
    assert not file.exists()


@pytest.mark.parametrize(("path", "article_id"), ODD.items())
def test_an_id_with_an_empty_segment_is_as_in_astro_and_named(
    ctx: Context, client: FlaskClient, site: Path, path: str, article_id: str
) -> None:
    file = site / "src/content/news" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(yaml_file(""))
    reconcile(ctx)
    found = client.get(f"{ARTICLES}/news/{quote(article_id, safe='')}").get_json()
    assert found["path"] == f"src/content/news/{path}"
    named = [(one.severity, one.code) for one in check(ctx) if one.path == found["path"]]
    assert ("warning", "id_segment_empty") in named


@pytest.mark.parametrize("wanted", ["½", "sub/①", "🎉/x", "a#b", "what?", "", "a//b"])
def test_no_new_article_gets_such_an_id(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, wanted: str
) -> None:
    before = sorted((site / "src/content").rglob("*"))
    sent = {"id": wanted, "data": {"title": "t"}, "body": ""}
    assert client.post(f"{ARTICLES}/news", json=sent, headers=admin).status_code == 422
    etag = client.get(f"{ARTICLES}/news/en/river-bus", headers=admin).headers["ETag"]
    assert patch(client, admin, "news/en/river-bus", etag, {"id": wanted}).status_code == 422
    assert sorted((site / "src/content").rglob("*")) == before


def test_files_that_begin_with_an_underscore_are_named(ctx: Context, client: FlaskClient, site: Path) -> None:
    folder = site / "src/content/news/_posts"
    folder.mkdir()
    for path in (
        folder / "a.md",
        folder / "_b.md",
        folder.parent / "_under.md",
        folder.parent / ".dot.md",
        folder / "_c.mdx",
    ):
        path.write_bytes(yaml_file(""))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/_posts/a").status_code == 200
    assert client.get(f"{ARTICLES}/news/_under").status_code == 404
    (found,) = [one for one in check(ctx) if one.code == "file_with_underscore"]
    assert (found.severity, found.path) == ("warning", "src/content/news")
    assert "3 files" in found.detail
    assert "_posts/_b.md" in found.detail


def test_slugs_are_those_of_github_slugger_over_all_of_unicode(nodejs: str) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    # Whether a sigma ends a word depends on what is a letter, of which Node and Python know different versions.
    known = [c for c in characters[:0x3000] if unicodedata.category(c) != "Cn" and c not in "\u0295\u1c89\u1c8a"]
    texts = [text for c in known for text in (c, f"ΑΣ{c}", f"{c}Σ b")]
    for start in range(0, len(characters), 32):
        some = characters[start : start + 32]
        texts += ["".join(some), "Z".join(["", *some, ""])]
    found = asked("astro_names.mjs", 7, slugs=texts)["slugs"]
    differing = {text for text, site in zip(texts, found, strict=True) if slug(text) != site}
    assert not differing, f"{len(differing)}: {sorted(differing)[:20]}; runs: {len(RUNS.split())}"


def test_texts_of_numbers_are_those_of_javascript(nodejs: str) -> None:
    chance = random.Random(3)
    numbers = [chance.uniform(-1, 1) * 10 ** chance.randint(-30, 30) for _ in range(3000)]
    numbers += [float(10**power) for power in range(30)] + [10.0**-power for power in range(30)] + [0.1, 1.5, 2.0**53]
    assert [text_of(number) for number in numbers] == asked("astro_names.mjs", 7, texts=numbers)["texts"]


@pytest.mark.parametrize("version", [5, 6, 7])
def test_the_glob_loader_finds_the_same_articles(nodejs: str, tmp_path: Path, version: int) -> None:
    chance = random.Random(20)
    paths = {"/".join(chance.choices(NAMES, k=chance.randint(1, 3))) + ".md" for _ in range(600)}
    paths |= {f"{name}.md" for name in NAMES}
    # Two folders down, `[^_]` finds a dot at the start of a file's name, too, which `*` does not.
    for path in sorted(path for path in paths if not path.rpartition("/")[2].startswith(".")):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_text("---\na: 1\n---\n")
    files = [file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("*") if file.is_file()]
    ours: dict[str, set[str]] = {}
    for path in files:
        key = f"src/content/c/{path}"
        if ids.is_article(key):
            found = article.read(key, (tmp_path / path).read_bytes(), "", Limits())
            if found.status == "broken":
                assert found.problems[0].code in ("id_empty", "file_name")
                if found.problems[0].code == "id_empty":
                    (tmp_path / path).unlink()  # Astro ends a build at it
                continue
            ours.setdefault(found.id, set()).add(path)
    site = entries(version, tmp_path, PATTERN)
    if version < 7:  # which take `a:` at the start of a path for the scheme of a URL
        ours = {name: {one for one in some if not one.startswith("a:")} for name, some in ours.items()}
        ours = {name: some for name, some in ours.items() if some}
    assert site.keys() == ours.keys()
    assert all(path in ours[name] for name, path in site.items())


def test_astro_ends_a_build_at_an_empty_id(nodejs: str, tmp_path: Path) -> None:
    (tmp_path / "½.md").write_text("x")
    for version in (5, 6, 7):
        with pytest.raises(AssertionError, match="non-empty string"):
            entries(version, tmp_path, PATTERN)
