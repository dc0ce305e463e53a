"""C13: an article that moves shows the photos that it has shown, wherever it names them."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.actions.check import check
from cms.context import Context
from tests.api.copying import Editor
from tests.api.editing import ARTICLES, patch, problem
from tests.conftest import reconcile, state_of

HERE, DEEPER, ABOVE, BESIDE = "guides/a", "guides/sub/deep/a", "a", "other/a"
UP = "../../../assets/news/river-bus"
TEXT = f"""\
---
title: A   # {UP}/photo-1.jpg
cover: {UP}/photo-1.jpg   # the first
"quoted": "{UP}/photo-1.jpg"
single: '{UP}/photo-2.jpg'
flow: [{UP}/photo-1.jpg, "x y", {{src: {UP}/photo-2.jpg, alt: b}}]
team:
  - name: Dara
    photo: {UP}/photo-1.jpg  # theirs
  - name: Sok
    photo: "@/assets/news/river-bus/photo-2.jpg"
gone: {UP}/never.jpg
beside: ./own.jpg
url: https://example.org/../a.jpg
---

![one]({UP}/photo-1.jpg "a title") and <img src="{UP}/photo-2.jpg" alt="two">

![three][photo] ![four](<{UP}/photo-2.jpg>) ![five](./own.jpg) ![six]({UP}/never.jpg)

    ![code]({UP}/photo-1.jpg)

`{UP}/photo-1.jpg`, [a link]({UP}/photo-1.jpg), {UP}/photo-1.jpg

[photo]: {UP}/photo%2D1.jpg
[other]: {UP}/photo-2.jpg
"""


SPELLED = {
    DEEPER: ("../../../../../assets", "../../own"),
    ABOVE: ("../../assets", "./guides/own"),
    BESIDE: (None, "../guides/own"),
}
"""What begins the paths at each new place, None where the old spelling still leads there."""


def put(ctx: Context, site: Path, text: str, collection: str = "plain") -> str:
    folder = site / "src/content" / collection / "guides"
    folder.mkdir(parents=True, exist_ok=True)
    (site / "src/content" / collection / "guides/a.md").write_text(text)
    (folder / "own.jpg").write_bytes((site / "src/assets/news/river-bus/photo-1.jpg").read_bytes())
    reconcile(ctx)
    return f"{collection}/{HERE}"


def shown(client: FlaskClient, name: str) -> list[tuple[str | None, str | None, bool]]:
    images = client.get(f"{ARTICLES}/{name}").get_json()["images"]
    return [(image["field"], image["path"], image["missing"]) for image in images]


def rename(client: FlaskClient, admin: dict[str, str], name: str, new_id: str) -> str:
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    answer = patch(client, admin, name, etag, {"id": new_id})
    assert answer.status_code == 200, answer.text
    return f"{name.partition('/')[0]}/{new_id}"


@pytest.mark.parametrize("new_id", [DEEPER, ABOVE, BESIDE])
def test_a_move_changes_the_references_alone_and_a_move_back_undoes_it(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, new_id: str
) -> None:
    up, own = SPELLED[new_id]
    name = put(ctx, site, TEXT)
    before = shown(client, name)
    assert [image[2] for image in before].count(False) == 11
    moved = rename(client, admin, name, new_id)
    assert shown(client, moved) == before
    text = (site / f"src/content/{moved}.md").read_text()
    expected = TEXT.replace("./own", own)
    if up is not None:
        expected = expected.replace("../../../assets", up)
        for kept in ("title: A   # ", "    ![code](", "`", "[a link](", ", ", "[other]: "):
            expected = expected.replace(f"{kept}{up}/news/river-bus/photo", f"{kept}{UP}/photo")
    assert text == expected
    missing = [found.detail for found in check(ctx) if "plain" in found.path and found.code == "image_missing"]
    assert missing == ["shows the photo news/river-bus/never.jpg, which is not there"]
    rename(client, admin, moved, HERE)
    assert shown(client, name) == before
    back = (site / "src/content/plain/guides/a.md").read_text()
    assert back.replace("../guides/own", "./own") == TEXT


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_toml_and_other_line_ends_move_too(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path, ending: str
) -> None:
    lines = ["+++", 'title = "A"', f'cover = "{UP}/photo-1.jpg" # c', "[team]", f"photo = '{UP}/photo-2.jpg'", "+++"]
    text = ending.join([*lines, f"![x]({UP}/photo-1.jpg)", ""])
    folder = site / "src/content/plain/guides"
    folder.mkdir(parents=True)
    (folder / "a.md").write_bytes(text.encode())
    reconcile(ctx)
    rename(client, admin, "plain/guides/a", DEEPER)
    moved = (site / f"src/content/plain/{DEEPER}.md").read_bytes().decode()
    assert moved == text.replace("../../../assets", "../../../../../assets")


def test_what_is_written_with_the_move_is_meant_for_the_new_place(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    name = put(ctx, site, f"---\ntitle: A\ncover: {UP}/photo-1.jpg\n---\n")
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    photo = "../../../../../assets/news/river-bus/photo-2.jpg"
    change = {"id": DEEPER, "data": {"second": photo}, "body": f"![x]({photo})\n"}
    assert patch(client, admin, name, etag, change).status_code == 200
    paths = [path for _, path, _ in shown(client, f"plain/{DEEPER}")]
    assert paths == [f"news/river-bus/photo-{number}.jpg" for number in (1, 2, 2)]


def test_what_cannot_be_respelled_is_refused(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    name = put(ctx, site, f"---\ntitle: A\n---\n![x]({UP.replace('../', '&#46;./', 1)}/photo-1.jpg)\n")
    assert shown(client, name) == [(None, "news/river-bus/photo-1.jpg", False)]
    before = state_of(ctx)
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    error = problem(patch(client, admin, name, etag, {"id": DEEPER}), 422)
    assert [(item["pointer"], item["code"]) for item in error["errors"]] == [("/body", "image_missing")]
    assert state_of(ctx) == before


def test_a_working_copy_moves_with_its_article(
    ctx: Context, client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    name = put(ctx, site, TEXT)
    editor = Editor(client, admin)
    body = client.get(f"{ARTICLES}/{name}").get_json()["body"]
    etag = client.get(f"{ARTICLES}/{name}").headers["ETag"]
    assert editor.save(etag, {"body": f"Mine.\n\n{body}"}, name=name).status_code == 200
    before = [image["path"] for image in editor.read(name).get_json()["images"]]
    moved = rename(client, admin, name, DEEPER)
    shown_copy = editor.read(moved)
    assert [image["path"] for image in shown_copy.get_json()["images"]] == before
    assert shown_copy.get_json()["is_stale"] is False
    published = editor.publish(shown_copy.headers["ETag"], moved)
    assert published.status_code == 200, published.text
    assert published.get_json()["body"].startswith("Mine.")
    assert shown(client, moved).count((None, "news/river-bus/photo-1.jpg", False)) == 2
