"""The history of an article, and restoring what it was."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import both_databases

NAME = "news/en/a-day"
HISTORY = f"/api/v1/history/{NAME}"


@both_databases
def test_each_change_is_a_revision_with_its_text_and_diff(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    patch(client, admin, NAME, etag, {"data": {"author": "New"}})
    items = client.get(HISTORY, headers=admin).get_json()["items"]
    assert [(item["action"], item["actor"], item["source"]) for item in items] == [
        ("updated", "editor", "api"),
        ("created", "editor", "api"),
    ]
    one = client.get(f"{HISTORY}?seq={items[0]['seq']}", headers=admin).get_json()["items"][0]
    assert one["text"] == TEXT.replace("Reading Room", "New")
    changed = [line for line in one["diff"].splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert changed == ["-author: Reading Room", "+author: New"]
    first = client.get(f"{HISTORY}?limit=1", headers=admin).get_json()
    rest = client.get(f"{HISTORY}?cursor={first['next_cursor']}", headers=admin).get_json()
    assert first["items"] + rest["items"] == items
    assert rest["next_cursor"] is None


def test_a_revision_is_restored_by_tag(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    changed = patch(client, admin, NAME, etag, {"body": "Gone.\n"})
    seq = client.get(HISTORY, headers=admin).get_json()["items"][-1]["seq"]
    problem(client.post(f"{HISTORY}?seq={seq}", headers={**admin, "If-Match": etag}), 412)
    problem(client.post(f"{HISTORY}?seq={seq}", headers=admin), 428)
    problem(client.post(HISTORY, headers={**admin, "If-Match": changed.headers["ETag"]}), 422)
    headers = {**admin, "If-Match": changed.headers["ETag"]}
    restored = client.post(f"{HISTORY}?seq={seq}", headers=headers)
    assert restored.status_code == 200, restored.text
    assert restored.get_json()["version"] == etag[1:65]
    assert client.get(HISTORY, headers=admin).get_json()["items"][0]["source"] == "restore"


def test_a_deleted_article_is_restored(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    seq = client.get(HISTORY, headers=admin).get_json()["items"][0]["seq"]
    assert client.delete(f"{ARTICLES}/{NAME}", headers={**admin, "If-Match": etag}).status_code == 204
    assert client.post(f"{HISTORY}?seq={seq}", headers=admin).status_code == 201
    assert client.get(f"{ARTICLES}/{NAME}", headers={"Accept": "text/markdown"}).text == TEXT


def test_there_is_no_history_of_what_never_was(client: FlaskClient, admin: dict[str, str]) -> None:
    problem(client.get("/api/v1/history/news/en/never", headers=admin), 404)
    problem(client.get(f"{HISTORY}?seq=999999", headers=admin), 404)
    problem(client.post("/api/v1/history/news/en/never?seq=1", headers=admin), 404)
    create_text(client, admin)
    problem(client.get(f"{HISTORY}?cursor=x", headers=admin), 400)
