"""`cms check` names what the site's own build finds and this service does not."""

from __future__ import annotations

from pathlib import Path

from cms.actions.check import check
from cms.context import Context
from tests.conftest import reconcile

CONTENT = "src/content"


def findings(ctx: Context, *codes: str) -> list[tuple[str, str, str, str]]:
    found = [one for one in check(ctx) if one.code in codes]
    return [(one.severity, one.code, one.path, one.pointer) for one in found]


def write(site: Path, path: str, text: str = "{}") -> None:
    file = site / CONTENT / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_photos_beside_an_article_are_named_with_what_to_do(ctx: Context, site: Path) -> None:
    write(site, "notes/sub/a b.jpg", "photo")
    body = "![a](./a%20b.jpg) ![b](<a b.jpg>) ![c](./gone.jpg) ![d](gone.jpg) ![e](/x.jpg) ![f](https://x.org/a.jpg)"
    write(site, "notes/sub/a.md", f"---\ncover: ./a b.jpg\nother: ./gone.jpg\n---\n{body}\n")
    write(site, "notes/b.md", "---\ncover: ../../public/a.jpg\n---\n![x](../../../../../etc/a.jpg)\n")
    reconcile(ctx)
    at = f"{CONTENT}/notes/sub/a.md"
    found = [one for one in check(ctx) if one.path == at]
    assert [(one.severity, one.code, one.pointer) for one in found if one.pointer == "/data/cover"] == [
        ("warning", "image_outside_assets", "/data/cover")
    ]
    body_ones = [
        one for one in found if one.code in ("image_outside_assets", "image_missing") and one.pointer == "/body"
    ]
    assert sorted((one.severity, one.code) for one in body_ones) == [
        ("error", "image_missing"), ("warning", "image_outside_assets"), ("warning", "image_outside_assets"),
    ]  # fmt: skip
    assert all("move the photo below src/assets/" in one.detail for one in found if one.code == "image_outside_assets")
    assert not findings(ctx, "image_outside_assets")[3:]


def test_files_that_no_article_is_in_are_named_once_for_each_collection(ctx: Context, site: Path) -> None:
    assert not findings(ctx, "file_not_read")
    for number in range(5):
        write(site, f"people/p{number}.json")
    for name in ("notes/a.mdoc", "notes/b.yaml", "notes/c.txt", "notes/d.jpg", "notes/.hidden/e.json", "config.json"):
        write(site, name)
    write(site, "notes.schema.json")
    reconcile(ctx)
    expected = [("warning", "file_not_read", f"{CONTENT}/{name}", "") for name in ("notes", "people")]
    assert findings(ctx, "file_not_read") == expected
    (people,) = [one for one in check(ctx) if one.path == f"{CONTENT}/people"]
    assert "5 files are no Markdown and are not read (p0.json, p1.json, p2.json, …)" in people.detail


def test_front_matter_that_is_no_mapping_is_named(ctx: Context, site: Path) -> None:
    for name, text in {"text": "just words", "list": "- a\n- b", "number": "12"}.items():
        write(site, f"notes/{name}.md", f"---\n{text}\n---\nx\n")
    reconcile(ctx)
    broken = {one.path for one in check(ctx) if one.severity == "error"}
    assert broken >= {f"{CONTENT}/notes/{name}.md" for name in ("text", "list", "number")}
