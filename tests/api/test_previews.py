"""Preview links: what is not published, shown to whoever has the link, for a while."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from cms.api import access_log
from cms.context import Context
from cms.database.engine import read, write
from cms.database.tables import kept, previews
from cms.settings import load
from tests.api.copying import NAME, PREVIEWS, Editor
from tests.api.editing import ARTICLES, create_text, patch, problem
from tests.conftest import (
    bearer,
    both_databases,
    close,
    make_client,
    make_context,
    make_settings,
    reconcile,
    site_of,
    state_of,
)

DAY_S = 86_400


@pytest.fixture
def editor(client: FlaskClient, admin: dict[str, str]) -> Editor:
    return Editor(client, admin)


@pytest.fixture
def etag(client: FlaskClient, admin: dict[str, str], ctx: Context) -> str:
    """The tag of a working copy of a published article."""
    made = create_text(client, admin)
    reconcile(ctx)
    response = Editor(client, admin).save(made, {"data": {"title": "Mine"}, "body": "*New.*\n"})
    assert response.status_code == 200, response.text
    return response.headers["ETag"]


def link(editor: Editor, **body: Any) -> str:
    response = editor.preview(**body)
    assert response.status_code == 201, response.text
    url: str = response.get_json()["url"]
    return url


def expire(ctx: Context) -> None:
    with write(ctx.database) as tx:
        tx.execute(update(previews).values(expires_at=previews.c.expires_at - 40 * DAY_S))


@both_databases
def test_a_link_shows_the_working_copy_to_whoever_has_it(editor: Editor, etag: str) -> None:
    made = editor.preview(expires_s=60).get_json()
    shown = editor.client.get(made["url"])
    assert shown.status_code == 200
    article = shown.get_json()
    assert (article["data"]["title"], article["html"]) == ("Mine", "<p><em>New.</em></p>\n")
    assert article.keys() == editor.client.get(f"{ARTICLES}/{NAME}").get_json().keys() - {"live_since"}
    assert shown.headers["Cache-Control"] == "private, no-store"
    assert shown.headers["Referrer-Policy"] == "no-referrer"
    assert shown.headers["X-Robots-Tag"] == "noindex"
    assert "ETag" not in shown.headers
    listed = editor.client.get(PREVIEWS, headers=editor.headers).get_json()["items"]
    assert listed == [{name: value for name, value in made.items() if name != "url"}]
    saved = editor.save(etag, {"data": {"title": "Later"}})
    assert saved.status_code == 200
    assert editor.client.get(made["url"]).get_json()["data"]["title"] == "Later"


def test_a_link_begins_with_the_public_address(editor: Editor, etag: str, ctx: Context) -> None:
    """AC-29."""
    places = {"CMS_SITE": str(site_of(ctx)), "CMS_DATABASE": ctx.settings.database}
    named = make_context(load({**places, "CMS_PUBLIC_URL": "https://cms.example.org:8443/"}))
    url = link(Editor(make_client(named), editor.headers))
    close(named)
    assert url.startswith(f"https://cms.example.org:8443{PREVIEWS}/")
    assert editor.client.get(url.removeprefix("https://cms.example.org:8443")).get_json()["data"]["title"] == "Mine"
    assert link(editor).startswith(f"{PREVIEWS}/")


@both_databases
def test_a_link_is_of_no_use_once_it_expired_or_was_revoked_or_its_copy_is_gone(
    editor: Editor, etag: str, ctx: Context
) -> None:
    first, second = editor.preview().get_json(), link(editor)
    own = f"{PREVIEWS}/{first['preview_id']}"
    problem(editor.client.get(own), 404)
    assert editor.client.delete(own, headers=editor.headers).status_code == 204
    problem(editor.client.delete(own, headers=editor.headers), 404)
    never = problem(editor.client.get(f"{PREVIEWS}/{'x' * 43}"), 404)
    answers = [editor.client.get(first["url"])]
    assert editor.client.get(second).status_code == 200
    assert editor.discard(etag).status_code == 204
    answers.append(editor.client.get(second))
    current = editor.client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    etag = editor.save(current, {"data": {"title": "Again"}}).headers["ETag"]
    answers.append(editor.client.get(second))  # it was for the copy that is gone
    third = link(editor)
    expire(ctx)
    answers.append(editor.client.get(third))
    fourth = link(editor)
    assert editor.publish(etag).status_code == 200
    answers.append(editor.client.get(fourth))
    for answer in answers:
        assert {**problem(answer, 404), "request_id": None} == {**never, "request_id": None}
    with read(ctx.database) as tx:
        assert tx.execute(select(previews)).all() == []


def test_a_link_shows_a_draft_article_until_it_is_published(editor: Editor, etag: str) -> None:
    current = editor.client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    assert editor.discard(etag).status_code == 204
    problem(editor.preview(), 422, "nothing_to_preview")
    hidden = patch(editor.client, editor.headers, NAME, current, {"data": {"draft": True}})
    url = link(editor)
    assert editor.client.get(url).get_json()["status"] == "draft"
    renamed = patch(editor.client, editor.headers, NAME, hidden.headers["ETag"], {"id": "en/one-day"})
    assert editor.client.get(url).get_json()["id"] == "en/one-day"
    patch(editor.client, editor.headers, "news/en/one-day", renamed.headers["ETag"], {"data": {"draft": None}})
    problem(editor.client.get(url), 404)


def test_a_link_to_a_deleted_article_shows_nothing(editor: Editor, etag: str) -> None:
    url = link(editor)
    current = editor.client.get(f"{ARTICLES}/{NAME}").headers["ETag"]
    editor.client.delete(f"{ARTICLES}/{NAME}", headers={**editor.headers, "If-Match": current})
    problem(editor.client.get(url), 404)
    problem(editor.preview(), 404)


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"expires_s": 0}, 422, "/expires_s"),
        ({"expires_s": 30 * DAY_S + 1}, 422, "/expires_s"),
        ({"expires_s": 1.5}, 422, "/expires_s"),
        ({"expires_s": "60"}, 422, "/expires_s"),
        ({"expires_s": None}, 422, "/expires_s"),
        ({"expires_s": True}, 422, "/expires_s"),
        ({"id": None}, 422, "/id"),
        ({"id": "en/a\0day"}, 422, "/id"),
        ({"url": "x"}, 422, "/url"),
        ({"id": "en/none"}, 404, None),
        ({"collection": "nowhere"}, 404, None),
    ],
)
def test_bad_input_makes_no_link(
    editor: Editor, etag: str, ctx: Context, body: Any, status: int, pointer: str | None
) -> None:
    before = state_of(ctx)
    found = problem(editor.preview(**body), status)
    assert pointer is None or [error["pointer"] for error in found["errors"]] == [pointer]
    assert state_of(ctx) == before
    assert link(editor, expires_s=30 * DAY_S)


def test_paths_and_cursors_that_nobody_was_given(editor: Editor, etag: str, ctx: Context) -> None:
    url, before = link(editor), state_of(ctx)
    for path in (url[:-1], url + "x", f"{url}/x", f"{PREVIEWS}/a%00b", f"{PREVIEWS}/%ff", f"{PREVIEWS}/ក", url.upper()):
        problem(editor.client.get(path), 404)
    problem(editor.client.get(f"{url}?x=1"), 422)
    problem(editor.client.delete(url, headers=editor.headers), 404)
    for cursor in ("x", "W10", "WyJhIiwxXQ"):
        problem(editor.client.get(f"{PREVIEWS}?cursor={cursor}", headers=editor.headers), 400, "cursor")
    problem(editor.client.get(f"{PREVIEWS}?collection=nowhere", headers=editor.headers), 404)
    assert state_of(ctx) == before


def test_who_may_make_list_and_revoke_links(editor: Editor, etag: str, ctx: Context) -> None:
    made = editor.preview().get_json()
    own, before = f"{PREVIEWS}/{made['preview_id']}", state_of(ctx)["table:previews"]
    for headers, status in (({}, 401), (bearer(ctx, "articles:write", "articles:publish", "read"), 403)):
        other = Editor(editor.client, headers)
        problem(other.preview(), status)
        problem(other.client.get(PREVIEWS, headers=headers), status)
        problem(other.client.delete(own, headers=headers), status)
    elsewhere = Editor(editor.client, bearer(ctx, "articles:read-drafts:places"))
    problem(elsewhere.preview(), 403)
    problem(elsewhere.client.delete(own, headers=elsewhere.headers), 404)
    assert elsewhere.client.get(PREVIEWS, headers=elsewhere.headers).get_json()["items"] == []
    assert state_of(ctx)["table:previews"] == before
    reader = Editor(editor.client, bearer(ctx, "articles:read-drafts:news"))
    assert len(reader.client.get(f"{PREVIEWS}?collection=news", headers=reader.headers).get_json()["items"]) == 1
    assert reader.client.delete(own, headers=reader.headers).status_code == 204
    assert link(reader)


def test_links_are_listed_a_page_at_a_time(editor: Editor, etag: str) -> None:
    made = [editor.preview().get_json()["preview_id"] for _ in range(5)]
    found, query = [], "?limit=2"
    while query:
        page = editor.client.get(PREVIEWS + query, headers=editor.headers).get_json()
        found += [item["preview_id"] for item in page["items"]]
        query = f"?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert sorted(found) == sorted(made)
    assert len(set(found)) == 5


def test_the_secret_is_neither_kept_nor_logged(
    editor: Editor, etag: str, ctx: Context, caplog: pytest.LogCaptureFixture
) -> None:
    url = link(editor)
    secret = url.rpartition("/")[2]
    log: list[bytes] = []
    editor.client.application.extensions[access_log.NAME] = access_log.AccessLog(log.append)
    with caplog.at_level(logging.DEBUG):
        for path in (url, f"{url}/x", f"/{url}", f"{url}%0Ax", f"{url}?x={secret}"):
            editor.client.get(path)
    editor.client.application.extensions[access_log.NAME].flush()
    lines = b"".join(log).splitlines()
    assert json.loads(lines[0])["path"] == "/api/v1/previews/…"
    assert secret.encode() not in b"".join(log)
    assert not any(secret in repr(record.__dict__) for record in caplog.records)
    with read(ctx.database) as tx:
        assert not any(secret in repr(row) for table in kept.sorted_tables for row in tx.execute(select(table)))


def test_a_link_is_enough_where_reading_needs_a_token(ctx: Context, editor: Editor, etag: str) -> None:
    url = link(editor)
    closed = make_context(make_settings(site_of(ctx), ctx.settings.database, public_read=False))
    client = make_client(closed)
    problem(client.get(f"{ARTICLES}/{NAME}"), 401)
    assert client.get(url).status_code == 200
    problem(client.get(url, headers={"Authorization": "Bearer x"}), 401)
    close(closed)
