"""Builds come back: an article says since when it is live, and what stays away for 15 minutes is an alarm."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from typing import Any

from flask.testing import FlaskClient
from standardwebhooks import Webhook

from cms.actions.watch import watch
from cms.context import Context
from cms.model import cursor as places
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_images import picture, send
from tests.api.test_webhooks import NAME
from tests.conftest import bearer, both_databases, reconcile, site_of, state_of
from tests.receiver import Receiver
from tests.telling import deliver_due, make_hook, pass_time, retry_now

BUILDS = "/api/v1/builds"


def cursor_of(client: FlaskClient, query: str = "") -> str:
    found: str = json.loads(client.get(f"/api/v1/sync{query}").text.splitlines()[-1])["cursor"]
    return found


def report(client: FlaskClient, headers: dict[str, str], cursor: str | None = None) -> dict[str, Any]:
    response = client.post(BUILDS, json={"cursor": cursor or cursor_of(client)}, headers=headers)
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.get_json()
    return found


def live_since(client: FlaskClient, name: str = NAME) -> str | None:
    found: str | None = client.get(f"{ARTICLES}/{name}").get_json()["live_since"]
    return found


def notices(client: FlaskClient) -> list[str]:
    return [notice["name"] for notice in client.get("/readyz").get_json()["notices"]]


@both_databases
def test_an_article_says_since_when_it_is_live(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)
    assert live_since(client) is None, "nobody reports builds"
    first = report(client, admin)
    assert first["is_current"]
    assert live_since(client) == first["live_since"]
    pass_time(ctx, 60)
    report(client, admin)
    assert live_since(client) < first["live_since"], "since the first build that has it"
    saved = patch(client, admin, NAME, etag, {"data": {"title": "Again"}})
    assert saved.get_json()["live_since"] is None
    assert live_since(client) is None
    assert live_since(client, "news/en/opening-day") is not None
    assert report(client, admin)["is_current"]
    assert live_since(client) is not None


@both_databases
def test_an_older_build_in_place_of_a_newer_one_takes_back_what_that_showed(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    old = cursor_of(client)
    etag = create_text(client, admin)
    new = cursor_of(client)
    report(client, admin, new)
    assert live_since(client)
    assert report(client, admin, old)["is_current"] is False
    assert live_since(client) is None
    again = report(client, admin, new)
    assert live_since(client) == again["live_since"]
    patch(client, admin, NAME, etag, {"data": {"draft": True}})
    shown = client.get(f"{ARTICLES}/{NAME}", headers=admin).get_json()
    assert (shown["status"], shown["live_since"]) == ("draft", None)


def test_the_tag_of_an_article_changes_when_it_goes_live_and_an_edit_does_not_mind(
    client: FlaskClient, admin: dict[str, str]
) -> None:
    etag = create_text(client, admin)
    known = {"If-None-Match": etag}
    assert client.get(f"{ARTICLES}/{NAME}", headers=known).status_code == 304
    report(client, admin)
    assert client.get(f"{ARTICLES}/{NAME}", headers=known).status_code == 200
    assert patch(client, admin, NAME, etag, {"data": {"title": "Again"}}).status_code == 200


def test_a_photo_that_changes_makes_its_articles_wait_for_a_build(client: FlaskClient, admin: dict[str, str]) -> None:
    (photo,) = send(client, admin, (picture(), "new.jpg"), folder="news").get_json()["items"]
    create_text(client, admin, text=TEXT.replace("@/assets/news/river-bus/photo-1.jpg", photo["ref"]))
    report(client, admin)
    assert live_since(client)
    url = f"/api/v1/images/{photo['path']}"
    headers = {**admin, "If-Match": client.get(url).headers["ETag"], "Content-Type": "application/merge-patch+json"}
    assert client.patch(url, json={"alt": {"en": "The hall"}}, headers=headers).status_code == 200
    assert live_since(client) is None


def test_a_comment_leaves_an_article_live(client: FlaskClient, admin: dict[str, str]) -> None:
    etag = create_text(client, admin)
    report(client, admin)
    text = TEXT.replace("# written by hand", "# by hand").encode()
    headers = {**admin, "If-Match": etag}
    client.put(f"{ARTICLES}/{NAME}", data=text, headers=headers, content_type="text/markdown")
    assert live_since(client)


def test_of_a_cursor_only_database_and_change_count(client: FlaskClient, admin: dict[str, str]) -> None:
    create_text(client, admin)
    report(client, admin, cursor_of(client, "?collection=news&fields=body"))
    assert live_since(client)
    cursor = places.decode(cursor_of(client))
    report(client, admin, replace(cursor, stamp="x", view="y").encode())


def test_a_report_that_makes_no_sense_changes_nothing(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    cursor = cursor_of(client)
    here = places.decode(cursor)
    other: list[dict[str, Any]] = [{"epoch": "0" * 8}, {"seq": here.seq + 1}, {"seq": -1}, {"nonce": "0" * 16}]
    gone = ["x", *(replace(here, **parts).encode() for parts in other)]
    headers = bearer(ctx, "webhooks")
    before = state_of(ctx)
    for text in gone:
        problem(client.post(BUILDS, json={"cursor": text}, headers=admin), 410, "cursor_gone")
    for body in ({}, {"cursor": 1}, {"cursor": ""}, {"cursor": cursor, "seq": 1}):
        assert problem(client.post(BUILDS, json=body, headers=admin), 422)["errors"]
    problem(client.post(BUILDS, json={"cursor": cursor}, headers=headers), 403)
    problem(client.post(BUILDS, json={"cursor": cursor}), 401)
    assert state_of(ctx) == before


def test_of_several_feeds_the_earliest_counts(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    early = cursor_of(client, "?collection=places")
    create_text(client, admin)
    answer = client.post(BUILDS, json={"cursors": [cursor_of(client), early]}, headers=admin)
    assert (answer.status_code, answer.get_json()["is_current"]) == (201, False)
    assert live_since(client) is None
    assert live_since(client, "news/en/opening-day") is not None
    before = state_of(ctx)
    wrong: list[dict[str, Any]] = [
        {},
        {"cursor": early, "cursors": [early]},
        {"cursors": []},
        {"cursors": [7]},
        {"cursors": early},
    ]
    for body in wrong:
        problem(client.post(BUILDS, json=body, headers=admin), 422)
    problem(client.post(BUILDS, json={"cursors": [early, "none"]}, headers=admin), 410)
    assert state_of(ctx) == before


def test_a_token_for_builds_may_report_them_and_nothing_else(client: FlaskClient, ctx: Context) -> None:
    headers = bearer(ctx, "builds")
    report(client, headers)
    problem(client.get("/api/v1/webhooks", headers=headers), 403)


@both_databases
def test_what_is_not_live_for_15_minutes_is_said_once_to_those_who_asked(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url, events=["content.not_live"])
    etag = create_text(client, admin)
    pass_time(ctx, 10_000)
    watch(ctx)
    assert notices(client) == [], "nobody reports builds"
    live = cursor_of(client)
    report(client, admin)
    etag = patch(client, admin, NAME, etag, {"data": {"title": "Waiting"}}).headers["ETag"]
    pass_time(ctx, 500)
    watch(ctx)
    assert (notices(client), deliver_due(ctx)) == ([], 0)
    pass_time(ctx, 401)
    watch(ctx)
    assert notices(client) == ["not_live"]
    receiver.statuses = [500]
    assert deliver_due(ctx) == 1
    patch(client, admin, NAME, etag, {"data": {"title": "Still waiting"}})
    retry_now(ctx)
    assert deliver_due(ctx) == 1
    watch(ctx)
    assert deliver_due(ctx) == 0, "once for each occasion"
    headers, body = receiver.messages[-1]
    message = Webhook(hook["secret"]).verify(body, headers)
    assert (message["type"], message["reason"]) == ("content.not_live", "overdue")
    assert (message["previous_cursor"], message["ids"]) == (live, [NAME])
    assert body == receiver.messages[0][1]
    report(client, admin)
    watch(ctx)
    assert notices(client) == []
    patch(client, admin, NAME, client.get(f"{ARTICLES}/{NAME}").headers["ETag"], {"data": {"title": "Later"}})
    pass_time(ctx, 901)
    watch(ctx)
    assert deliver_due(ctx) == 1, "another occasion"


def test_a_webhook_for_publishes_is_not_told_of_alarms(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    report(client, admin)
    make_hook(client, admin, receiver.url)
    create_text(client, admin)
    assert deliver_due(ctx) == 1
    pass_time(ctx, 901)
    watch(ctx)
    assert notices(client) == ["not_live"]
    assert deliver_due(ctx) == 0


def test_a_file_with_an_old_time_is_not_overdue_when_it_comes(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    report(client, admin)
    path = site_of(ctx) / "src/content/news/en/by-hand.md"
    path.write_text(TEXT)
    os.utime(path, (time.time() - 86_400, time.time() - 86_400))
    reconcile(ctx)
    assert client.get(f"{ARTICLES}/news/en/by-hand").status_code == 200
    watch(ctx)
    assert notices(client) == []
