"""An article gets another id: its history goes on, nothing else moves, and the old id says where it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import bearer, both_databases, reconcile, site_of, state_of
from tests.store.racing import race

NAME, NEW = "news/en/a-day", "news/en/one-day"
pytestmark = both_databases


def files(site: Path) -> dict[str, str]:
    return {str(path.relative_to(site)): path.read_text() for path in site.rglob("*.md")}


def feed(client: FlaskClient, cursor: str | None = None) -> tuple[list[tuple[str, str]], str]:
    """Type and id of each article in the feed, and the cursor to go on from."""
    query = {} if cursor is None else {"cursor": cursor}
    lines = [json.loads(line) for line in client.get("/api/v1/sync", query_string=query).text.splitlines()]
    return [(line["type"], line["id"]) for line in lines if "id" in line], lines[-1]["cursor"]


def actions(client: FlaskClient, admin: dict[str, str], name: str) -> list[str]:
    items = client.get(f"/api/v1/history/{name}", headers=admin).get_json()["items"]
    return [f"{item['action']} {item.get('renamed_from') or item.get('renamed_to') or ''}".strip() for item in items]


def test_a_new_id_moves_the_file_and_nothing_else(
    client: FlaskClient, admin: dict[str, str], site: Path, ctx: Context
) -> None:
    etag = create_text(client, admin)
    born = client.get(f"{ARTICLES}/{NAME}").get_json()["created_at"]
    before, (_, cursor) = files(site), feed(client)
    renamed = patch(client, admin, NAME, etag, {"id": "en/one-day"})
    assert renamed.status_code == 200, renamed.text
    assert (renamed.get_json()["id"], renamed.get_json()["created_at"]) == ("en/one-day", born)
    assert renamed.headers["Content-Location"] == f"{ARTICLES}/{NEW}"
    assert files(site) == {path.replace("en/a-day.md", "en/one-day.md"): text for path, text in before.items()}
    assert feed(client, cursor)[0] == [("deleted", "en/a-day"), ("article", "en/one-day")]
    assert actions(client, admin, NEW) == ["renamed en/a-day", "created"]
    assert actions(client, admin, NAME) == ["renamed en/one-day", "created"]
    settled = state_of(ctx)["table:changes"]
    reconcile(ctx)
    assert state_of(ctx)["table:changes"] == settled


def test_the_old_id_is_gone_and_names_the_new_one(client: FlaskClient, admin: dict[str, str]) -> None:
    renamed = patch(client, admin, NAME, create_text(client, admin), {"id": "en/one-day"})
    again = patch(client, admin, NEW, renamed.headers["ETag"], {"id": "en/the-day"})
    etag = {"If-Match": again.headers["ETag"]}
    for old in (NAME, NEW):
        answers = [
            client.get(f"{ARTICLES}/{old}"),
            client.get(f"{ARTICLES}/{old}", headers={"Accept": "text/markdown"}),
            patch(client, admin, old, again.headers["ETag"], {"body": "x"}),
            client.delete(f"{ARTICLES}/{old}", headers={**admin, **etag}),
            client.post(f"/api/v1/history/{old}?seq=1", headers=admin),
        ]
        for answer in answers:
            assert problem(answer, 410, "moved")["moved_to"] == "news/en/the-day"
    create_text(client, admin)
    assert client.get(f"{ARTICLES}/{NAME}").status_code == 200
    assert actions(client, admin, NAME) == ["created"]


def test_title_and_id_change_in_one_save_and_an_old_text_is_restored(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    change = {"id": "en/one-day", "data": {"title": "One day"}, "body": "New.\n"}
    renamed = patch(client, admin, NAME, create_text(client, admin), change)
    assert (renamed.get_json()["id"], renamed.get_json()["data"]["title"]) == ("en/one-day", "One day")
    items = client.get(f"/api/v1/history/{NEW}", headers=admin).get_json()["items"]
    one = client.get(f"/api/v1/history/{NEW}?seq={items[0]['seq']}", headers=admin).get_json()["items"][0]
    assert "-title: 'A day at the library'   # shown in lists" in one["diff"]
    headers = {**admin, "If-Match": renamed.headers["ETag"]}
    restored = client.post(f"/api/v1/history/{NEW}?seq={items[1]['seq']}", headers=headers)
    assert restored.status_code == 200, restored.text
    assert files(site)["src/content/news/en/one-day.md"] == TEXT


def test_json_patch_renames_too_and_a_dry_run_does_not(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    steps = [{"op": "replace", "path": "/id", "value": "en/one-day"}]

    def send(query: str) -> TestResponse:
        headers = {**admin, "If-Match": etag, "Content-Type": "application/json-patch+json"}
        return client.patch(f"{ARTICLES}/{NAME}{query}", json=steps, headers=headers)

    planned = send("?dry_run=true").get_json()
    assert (planned["id"], planned["diff"]) == ("en/one-day", "")
    assert state_of(ctx) == before
    assert send("").get_json()["id"] == "en/one-day"


def test_a_slug_in_the_front_matter_is_the_id_and_the_file_stays(
    client: FlaskClient, admin: dict[str, str], site: Path
) -> None:
    slugged = patch(client, admin, NAME, create_text(client, admin), {"data": {"slug": "en/one-day"}})
    assert (slugged.get_json()["id"], slugged.get_json()["path"]) == ("en/one-day", "src/content/news/en/a-day.md")
    problem(client.get(f"{ARTICLES}/{NAME}"), 410)
    again = patch(client, admin, NEW, slugged.headers["ETag"], {"id": "en/the-day"})
    assert again.get_json()["data"]["slug"] == "en/the-day"
    assert files(site)["src/content/news/en/a-day.md"] == TEXT.replace(
        '"open day"]\n', '"open day"]\nslug: en/the-day\n'
    )
    assert actions(client, admin, "news/en/the-day") == ["renamed en/one-day", "renamed en/a-day", "created"]
    back = patch(client, admin, "news/en/the-day", again.headers["ETag"], {"data": {"slug": None}})
    assert back.get_json()["id"] == "en/a-day"
    assert client.get(f"{ARTICLES}/{NAME}").status_code == 200


def test_an_index_stays_an_index(client: FlaskClient, admin: dict[str, str], site: Path, ctx: Context) -> None:
    folder = site / "src/content/news/en/deep"
    folder.mkdir()
    (folder / "index.md").write_text(TEXT)
    reconcile(ctx)
    etag = client.get(f"{ARTICLES}/news/en/deep").headers["ETag"]
    assert patch(client, admin, "news/en/deep", etag, {"id": "en/low"}).status_code == 200
    assert files(site)["src/content/news/en/low/index.md"] == TEXT


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"id": "en/opening-day"}, 409, None),
        ({"id": "en/Opening-Day"}, 422, "/id"),
        ({"id": "../x"}, 422, "/id"),
        ({"id": "fr/x"}, 422, "/id"),
        ({"id": ""}, 422, "/id"),
        ({"id": None}, 422, "/id"),
        ({"data": {"slug": "en/opening-day"}}, 409, None),
        ({"data": {"slug": "../x"}}, 422, "/id"),
        ({"id": "en/x", "data": {"slug": "en/y"}}, 422, "/id"),
    ],
)
def test_an_id_that_cannot_be_is_refused(
    ctx: Context, client: FlaskClient, admin: dict[str, str], change: Any, status: int, pointer: str | None
) -> None:
    """AC-40."""
    etag = create_text(client, admin)
    reconcile(ctx)
    before = state_of(ctx)
    found = problem(patch(client, admin, NAME, etag, change), status)
    if pointer is not None:
        assert {item["pointer"] for item in found["errors"]} == {pointer}
    assert state_of(ctx) == before


def test_renaming_what_the_public_sees_is_publishing(ctx: Context, client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    before = state_of(ctx)
    writer = bearer(ctx, "articles:write", "articles:read-drafts")
    problem(patch(client, writer, NAME, etag, {"id": "en/x"}), 403)
    assert state_of(ctx)["table:changes"] == before["table:changes"]


def test_nobody_learns_of_a_draft_by_its_old_id(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    draft = create_text(client, admin, text=TEXT.replace("tags:", "draft: true\ntags:"))
    renamed = patch(client, admin, NAME, draft, {"id": "en/one-day"})
    problem(client.get(f"{ARTICLES}/{NAME}"), 404)
    assert problem(client.get(f"{ARTICLES}/{NAME}", headers=admin), 410)["moved_to"] == NEW
    patch(client, admin, NEW, renamed.headers["ETag"], {"data": {"draft": None}})
    problem(client.get(f"{ARTICLES}/{NAME}"), 404)


def test_a_file_moved_by_hand_is_the_same_article(
    client: FlaskClient, admin: dict[str, str], site: Path, ctx: Context
) -> None:
    create_text(client, admin)
    reconcile(ctx)
    folder = site / "src/content/news/en"
    (folder / "a-day.md").rename(folder / "one-day.md")
    reconcile(ctx)
    assert actions(client, admin, NEW) == ["renamed en/a-day", "created"]
    assert problem(client.get(f"{ARTICLES}/{NAME}"), 410)["moved_to"] == NEW
    (folder / "one-day").mkdir()
    (folder / "one-day.md").rename(folder / "one-day/index.md")
    reconcile(ctx)
    assert actions(client, admin, NEW) == ["renamed en/a-day", "created"]
    assert client.get(f"{ARTICLES}/{NEW}").get_json()["path"] == "src/content/news/en/one-day/index.md"


def test_a_copy_is_another_article(client: FlaskClient, admin: dict[str, str], site: Path, ctx: Context) -> None:
    create_text(client, admin)
    reconcile(ctx)
    (site / "src/content/news/en/one-day.md").write_text(TEXT)
    reconcile(ctx)
    assert actions(client, admin, NEW) == ["created"]
    assert client.get(f"{ARTICLES}/{NAME}").status_code == 200


def test_a_whole_collection_moved_by_hand_asks_for_no_permission(
    client: FlaskClient, admin: dict[str, str], site: Path, ctx: Context
) -> None:
    folder = site / "src/content/news/en"
    for number in range(8):
        (folder / f"n{number}.md").write_text(TEXT + f"{number}\n")
    reconcile(ctx)
    for number in range(8):
        (folder / f"n{number}.md").rename(folder / f"m{number}.md")
    assert reconcile(ctx).held is None
    assert actions(client, admin, "news/en/m7") == ["renamed en/n7", "created"]


def test_of_many_that_want_one_id_one_gets_it(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    """AC-40."""
    names = [f"news/en/n{number}" for number in range(6)]
    etags = [create_text(client, admin, name, f"{TEXT}{name}\n") for name in names]

    def rename(number: int) -> int:
        apart = client.application.test_client()
        return patch(apart, admin, names[number], etags[number], {"id": "en/one-day"}).status_code

    assert sorted(race(6, rename)) == [200, 409, 409, 409, 409, 409]
    reconcile(ctx)
    folder = site_of(ctx) / "src/content/news/en"
    assert len(list(folder.glob("n?.md"))) == 5
    assert actions(client, admin, NEW)[1:] == ["created"]


def test_of_an_edit_and_a_rename_at_once_one_wins_and_nothing_is_lost(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    etag = create_text(client, admin)
    changes: list[dict[str, Any]] = [{"id": f"en/day-{n}"} if n % 2 else {"body": f"{n}\n"} for n in range(6)]

    def change(number: int) -> tuple[int, int]:
        return patch(client.application.test_client(), admin, NAME, etag, changes[number]).status_code, number

    answers = sorted(race(6, change))
    assert [status for status, _ in answers].count(200) == 1
    assert {status for status, _ in answers} <= {200, 410, 412}
    reconcile(ctx)
    won = changes[answers[0][1]]
    name = f"news/{won['id']}" if "id" in won else NAME
    shown = client.get(f"{ARTICLES}/{name}").get_json()
    assert shown["body"] == won.get("body", TEXT.partition("---\n\n")[2])
    assert len(list((site_of(ctx) / "src/content/news/en").glob("*day*.md"))) == 2
