"""K5: files in MDX and with Astro's other endings of Markdown are articles; the body of MDX is text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.context import Context
from cms.model import ids, mdx
from tests.api.copying import DRAFTS
from tests.api.editing import ARTICLES, problem
from tests.conftest import both_databases, reconcile, site_of, state_of
from tests.content.mdx_site import BODY, FRONT, KEY, NAME, PHOTO, TEXT, add_mdx, change, tag, text_at

CODE_SHOWN = ("<script", "import hero", "alert(1)", "{year}")


def article(client: FlaskClient, name: str = NAME, headers: dict[str, str] | None = None) -> dict[str, Any]:
    response = client.get(f"{ARTICLES}/{name}", headers=headers)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.get_json()
    return found


@both_databases
def test_an_mdx_article_is_read_listed_searched_and_fed(ctx: Context, client: FlaskClient) -> None:
    add_mdx(ctx)
    found = article(client)
    assert (found["id"], found["path"], found["format"], found["status"]) == ("en/chart", KEY, "mdx", "published")
    assert (found["html"], found["headings"]) == (None, [])
    assert found["body"] == BODY
    assert found["excerpt"] == "The reading room lent many books."
    assert found["data"]["title"] == "A chart"
    items = client.get(f"{ARTICLES}?collection=news&q=lent many&locale=en").get_json()["items"]
    assert [(item["id"], item["format"]) for item in items] == [("en/chart", "mdx")]
    assert items[0]["snippets"][0]["pointer"] == "/body"
    (snippet,) = client.get(f"{ARTICLES}?q=alert").get_json()["items"][0]["snippets"]
    assert "<script" not in snippet["html"]
    lines = [json.loads(line) for line in client.get("/api/v1/sync?collection=news").text.splitlines()]
    assert {line["id"]: line["format"] for line in lines if "id" in line}["en/chart"] == "mdx"
    assert article(client, "news/en/opening-day")["format"] == "md"
    file = client.get(f"{ARTICLES}/{NAME}", headers={"Accept": "text/markdown"})
    assert file.text == TEXT


@pytest.mark.parametrize("extension", ids.EXTENSIONS)
@pytest.mark.parametrize("stem", ["a", "a/index", "Über uns/v1.2"])
def test_every_ending_is_edited_renamed_deleted_and_restored(
    ctx: Context, client: FlaskClient, admin: dict[str, str], extension: str, stem: str
) -> None:
    key = f"src/content/notes/{stem}{extension}"
    name = {"a": "a", "a/index": "a"}.get(stem, "über-uns/v12")
    add_mdx(ctx, "---\ntitle: a # why\nother: 'x'\n---\ntext\n", key)
    url = f"{ARTICLES}/notes/{name}"
    assert article(client, f"notes/{name}")["format"] == ids.format_of(key)
    patched = {"content_type": "application/merge-patch+json"}
    held = {**admin, "If-Match": tag(client, admin, url)}
    assert client.patch(url, json={"data": {"title": "b"}}, headers=held, **patched).status_code == 200
    assert text_at(ctx, key) == "---\ntitle: b # why\nother: 'x'\n---\ntext\n"
    held = {**admin, "If-Match": tag(client, admin, url)}
    renamed = client.patch(url, json={"id": "new/b"}, headers=held, **patched)
    assert renamed.status_code == 200, renamed.text
    tail = "/index" if stem.endswith("index") else ""
    moved = f"src/content/notes/new/b{tail}{extension}"
    assert renamed.get_json()["path"] == moved
    assert not (site_of(ctx) / key).exists()
    url = f"{ARTICLES}/notes/new/b"
    held = {**admin, "If-Match": tag(client, admin, url)}
    assert client.delete(url, headers=held).status_code == 204
    history = client.get("/api/v1/history/notes/new/b", headers=admin).get_json()["items"]
    back = client.post(f"/api/v1/history/notes/new/b?seq={history[0]['seq']}", headers=admin)
    assert back.status_code == 201, back.text
    assert back.get_json()["path"] == f"src/content/notes/new/b{extension}"
    assert text_at(ctx, f"src/content/notes/new/b{extension}") == "---\ntitle: b # why\nother: 'x'\n---\ntext\n"


@pytest.mark.parametrize("other", ["mdx", "markdown"])
def test_of_two_files_with_one_id_one_is_published_and_check_names_the_other(
    ctx: Context, client: FlaskClient, admin: dict[str, str], other: str
) -> None:
    add_mdx(ctx, FRONT, "src/content/news/en/chart.md")
    rival = f"src/content/news/en/chart.{other}"
    new = {"id": "en/chart", "format": "mdx", "data": article(client)["data"]}
    problem(client.post(f"{ARTICLES}/news", json=new, headers=admin), 409)
    add_mdx(ctx, FRONT.replace("A chart", "Another"), rival)
    assert article(client)["path"] == "src/content/news/en/chart.md"
    assert [(one.path, one.severity) for one in check(ctx) if one.code == "id_collision"] == [(rival, "error")]
    (site_of(ctx) / "src/content/news/en/chart.md").unlink()
    reconcile(ctx, accept_deletions=True)
    reconcile(ctx)
    assert article(client)["path"] == rival


def test_no_way_shows_mdx_as_html(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    """The article, its working copy, a preview, and all of them once the photo has changed or the file is gone."""
    add_mdx(ctx)
    photo = site_of(ctx) / f"src/assets/{PHOTO}"
    photo.write_bytes(photo.read_bytes() + b"\0")
    reconcile(ctx)
    assert article(client)["html"] is None
    assert [item["path"] for item in article(client)["images"]] == [PHOTO]
    copied = change(client, admin, {"data": {"title": "Copy"}}, "?draft=true")
    assert (copied.status_code, copied.get_json()["html"]) == (200, None), copied.text
    link = client.post("/api/v1/previews", json={"collection": "news", "id": "en/chart"}, headers=admin).get_json()
    assert client.get(link["url"]).get_json()["html"] is None
    (site_of(ctx) / KEY).unlink()
    reconcile(ctx, accept_deletions=True)
    left = client.get(f"{DRAFTS}/{NAME}", headers=admin)
    assert (left.status_code, left.get_json()["html"], left.get_json()["headings"]) == (200, None, [])


def test_a_body_that_only_speaks_of_photos_misses_none(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    """What it imports is shown, so that a draft beside it does not hide it; what is not there is no error."""
    add_mdx(ctx)
    add_mdx(ctx, FRONT.replace("---\n#", f"---\ndraft: true\nimage: '@/assets/{PHOTO}'\n#"), "src/content/news/en/d.md")
    assert [(item["path"], item["field"], item["missing"]) for item in article(client)["images"]] == [
        (PHOTO, None, False)
    ]
    assert client.get(f"/api/v1/images/{PHOTO}").status_code == 200
    gone = {**client.get(f"{ARTICLES}/{NAME}").get_json()["data"], "image": "@/assets/news/gone.jpg"}
    problem(change(client, admin, {"data": gone}), 422)
    assert change(client, admin, {"body": f"{BODY}\n![more](./gone.jpg)\n"}).status_code == 200
    assert [one for one in check(ctx) if one.path == KEY and one.severity == "error"] == []
    add_mdx(ctx, TEXT.replace("tags:", "image: '@/assets/news/gone.jpg'\ntags:"))
    assert [one.code for one in check(ctx) if one.path == KEY and one.severity == "error"] == ["image_missing"]


def test_an_alt_text_is_asked_of_no_mdx_body(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    (site_of(ctx) / "src/content/news.cms.json").write_text('{"alt_required": true}')
    add_mdx(ctx)
    assert change(client, admin, {"data": {"title": "b"}}).status_code == 200
    assert [one for one in check(ctx) if one.path == KEY and one.code.startswith("alt_")] == []


@pytest.mark.parametrize(
    "statement",
    [
        "import a from './a.jsx'",
        'import "../x.css"',
        "export {\n  b\n} from '../b'",
        "![a](../../../assets/news/river-bus/photo-1.jpg)",
        "![a][b]\n\n[b]: ../../../assets/news/river-bus/photo-1.jpg",
        "import a from\n  './a.jsx'",
        "export const a = await import('./a.js')",
        "export const all = import.meta.glob(['./parts/*.jsx'])",
    ],
)
def test_a_rename_to_another_folder_is_refused_when_the_body_needs_what_is_beside_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str], statement: str
) -> None:
    add_mdx(ctx, f"{FRONT}{statement}\n")
    before = state_of(ctx)
    error = problem(change(client, admin, {"id": "en/sub/chart"}), 422)
    assert [(one["pointer"], one["code"]) for one in error["errors"]] == [("/id", "id_change")]
    assert state_of(ctx) == before
    assert change(client, admin, {"id": "en/other"}).status_code == 200
    assert text_at(ctx, "src/content/news/en/other.mdx") == f"{FRONT}{statement}\n"


def test_a_rename_to_another_folder_is_refused_when_the_layout_is_relative(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    add_mdx(ctx, TEXT.replace("tags:", "layout: ../../../layouts/Chart.astro\ntags:").replace("./../../../", "@/"))
    before = state_of(ctx)
    error = problem(change(client, admin, {"id": "en/sub/chart"}), 422)
    assert error["errors"][0]["detail"].count("../../../layouts/Chart.astro") == 1
    assert state_of(ctx) == before


def test_a_rename_goes_anywhere_when_only_a_sample_of_code_imports(
    ctx: Context, client: FlaskClient, admin: dict[str, str]
) -> None:
    links = '<a href="../c">c</a> [d](./d)\n'
    sample = f"{FRONT}```js\nimport a from './a.jsx';\n```\nimport b from '@/b.jsx';\n\n{links}"
    add_mdx(ctx, sample)
    assert change(client, admin, {"id": "en/sub/chart"}).status_code == 200
    assert text_at(ctx, "src/content/news/en/sub/chart.mdx") == sample


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", ""),
        ("Plain *text*\nof two lines.\n\nMore.", "Plain text of two lines."),
        ("import A from 'a';\n\nexport const b = 1;\n\nText.", "Text."),
        ("<Card>\n\nInside.\n\n</Card>", "Inside."),
        ("# Heading\n\n- item\n\n> quote\n\nអត្ថបទ ខ្មែរ", "អត្ថបទ ខ្មែរ"),
        ("```\nnot this\n\nnor this\n```\n\nThis.", "This."),
        ("~~~~\n~~~\nnot this\n~~~~\n\nThis.", "This."),
        ("```\nnever closed\n\nnot this", ""),
        ("A {value} here.\n\nText <b>x</b>\n\nimportant: yes", "important: yes"),
        ("export const a = {\n\n  b: 1,\n\n  c: 2 }\n", ""),
    ],
)
def test_the_excerpt_is_the_first_paragraph_without_code(body: str, expected: str) -> None:
    assert mdx.excerpt(body) == expected


def test_a_long_body_takes_linear_time_to_read() -> None:
    """Each would take minutes in quadratic time."""
    for piece in (
        "```\n",
        "~~~\n\n",
        "import '",
        "a\n",
        "from '../",
        "<",
        "a\n\n",
        "\n\n<a>\n",
        "1. a\n\n",
        "![",
        "![](./",
    ):
        mdx.excerpt(piece * 50_000)
        mdx.relative_paths({}, piece * 50_000)


def test_the_ids_of_a_site_with_many_endings_are_its_paths(ctx: Context, client: FlaskClient, site: Path) -> None:
    folder = site / "src/content/mixed"
    folder.mkdir()
    for number, extension in enumerate((*ids.EXTENSIONS, ".MDX", ".txt", ".mdoc", ".astro")):
        (folder / f"n{number}{extension}").write_text("---\ntitle: t\n---\n")
    reconcile(ctx)
    items = client.get(f"{ARTICLES}?collection=mixed&limit=100").get_json()["items"]
    assert [item["id"] for item in items] == [f"n{number}" for number in range(len(ids.EXTENSIONS))]
