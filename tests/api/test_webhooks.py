"""One publish, one signed POST, repeated until it is answered by 2xx."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook

from cms.actions.post import Bounds, check_url
from cms.context import Context
from cms.errors import Invalid
from tests.api.editing import TEXT, create_text, patch, problem
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
from tests.receiver import Receiver
from tests.telling import HOOKS, deliver_due, make_hook, retry_now

NAME = "news/en/a-day"


@both_databases
def test_a_publish_is_told_once_and_signed(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    cursor = json.loads(client.get("/api/v1/sync").text.splitlines()[-1])["cursor"]
    assert deliver_due(ctx) == 0
    etag = create_text(client, admin)
    patch(client, admin, NAME, etag, {"data": {"title": "Again"}})
    assert deliver_due(ctx) == 1
    assert deliver_due(ctx) == 0
    ((headers, body),) = receiver.messages
    message = Webhook(hook["secret"]).verify(body, headers)
    assert message["type"] == "content.changed"
    assert (message["ids"], message["truncated"]) == ([NAME], False)
    assert message["previous_cursor"] == cursor
    assert message["cursor"] == json.loads(client.get("/api/v1/sync").text.splitlines()[-1])["cursor"]
    lines = client.get("/api/v1/sync", query_string={"cursor": message["previous_cursor"]}).text.splitlines()
    assert json.loads(lines[0])["data"]["title"] == "Again"
    (attempt,) = client.get(f"{HOOKS}/{hook['id']}/deliveries", headers=admin).get_json()["items"]
    assert (attempt["status"], attempt["error"], attempt["message_id"]) == (204, None, headers["webhook-id"])


def test_a_failure_is_repeated_with_the_same_id_until_it_is_answered(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin)
    receiver.statuses = [500, 302, 410]
    for failures in (1, 2, 3):
        assert deliver_due(ctx) == 1
        assert client.get(f"{HOOKS}/{hook['id']}", headers=admin).get_json()["failures"] == failures
        assert deliver_due(ctx) == 0
        retry_now(ctx)
    assert deliver_due(ctx) == 1
    assert client.get(f"{HOOKS}/{hook['id']}", headers=admin).get_json()["failures"] == 0
    assert len({headers["webhook-id"] for headers, _ in receiver.messages}) == 1
    assert len(receiver.messages) == 4
    attempts = client.get(f"{HOOKS}/{hook['id']}/deliveries", headers=admin).get_json()["items"]
    statuses = [item["status"] for item in attempts]
    assert statuses == [204, 410, 302, 500]


def test_a_receiver_that_is_away_is_an_attempt_with_an_error(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, "http://127.0.0.1:1/hook")
    create_text(client, admin)
    assert deliver_due(ctx) == 1
    (attempt,) = client.get(f"{HOOKS}/{hook['id']}/deliveries", headers=admin).get_json()["items"]
    assert attempt["status"] is None
    assert attempt["error"]


def test_what_the_public_cannot_see_is_not_told(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url)
    etag = create_text(client, admin, text=TEXT.replace("tags:", "draft: true\ntags:"))
    etag = patch(client, admin, NAME, etag, {"data": {"title": "Hidden"}}).headers["ETag"]
    assert deliver_due(ctx) == 0
    patch(client, admin, NAME, etag, {"data": {"title": "Hidden"}})
    assert deliver_due(ctx) == 0
    assert receiver.messages == []


def test_a_webhook_waits_for_quiet_but_not_for_ever(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url, quiet_s=3600, max_wait_s=3600)
    create_text(client, admin)
    assert deliver_due(ctx) == 0
    make_hook(client, admin, receiver.url, quiet_s=3600, max_wait_s=0)
    create_text(client, admin, "news/km/a-day")
    assert deliver_due(ctx) == 1


def test_one_sender_of_many_delivers(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url)
    create_text(client, admin)
    senders = [threading.Thread(target=deliver_due, args=(ctx,)) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(receiver.messages) == 1


def test_a_delivery_is_sent_again_and_a_test_is_sent_on_request(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin)
    deliver_due(ctx)
    url = f"{HOOKS}/{hook['id']}"
    (first,) = client.get(f"{url}/deliveries", headers=admin).get_json()["items"]
    again = client.post(f"{url}/deliveries/{first['id']}/redeliver", headers=admin).get_json()
    assert (again["message_id"], again["status"]) == (first["message_id"], 204)
    assert receiver.messages[0][1] == receiver.messages[1][1]
    assert client.post(f"{url}/test", headers=admin).get_json()["type"] == "webhook.test"
    assert Webhook(hook["secret"]).verify(receiver.messages[2][1], receiver.messages[2][0])["type"] == "webhook.test"
    problem(client.post(f"{url}/deliveries/x/redeliver", headers=admin), 404)


def test_a_test_waits_for_a_delivery_under_way_and_a_delivery_for_a_test(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    url = f"{HOOKS}/{hook['id']}"
    create_text(client, admin)
    refused: list[tuple[int, str]] = []

    def ask() -> None:
        listed = client.get(f"{url}/deliveries", headers=admin).get_json()["items"]
        for path in ("test", f"deliveries/{listed[0]['id']}/redeliver"):
            response = make_client(ctx).post(f"{url}/{path}", headers=admin)
            refused.append((response.status_code, problem(response, 409, "under_way")["code"]))
        assert len(client.get(f"{url}/deliveries", headers=admin).get_json()["items"]) == len(listed)

    receiver.meanwhile = ask
    assert deliver_due(ctx) == 1
    assert len(refused) == 2
    create_text(client, admin, "news/km/a-day")
    tried: list[int] = []
    receiver.meanwhile = lambda: tried.append(deliver_due(ctx))
    assert client.post(f"{url}/test", headers=admin).get_json()["status"] == 204
    assert tried == [0]
    receiver.meanwhile = None
    assert deliver_due(ctx) == 1
    assert [json.loads(body)["type"] for _, body in receiver.messages] == [
        "content.changed", "webhook.test", "content.changed",
    ]  # fmt: skip
    receiver.statuses = [500]
    assert client.post(f"{url}/test", headers=admin).get_json()["status"] == 500
    assert client.post(f"{url}/test", headers=admin).get_json()["status"] == 204, "a failure gives the place free too"


def test_a_webhook_is_changed_and_removed(client: FlaskClient, admin: dict[str, str], receiver: Receiver) -> None:
    secret = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
    hook = make_hook(client, admin, receiver.url, secret=secret)
    assert hook["secret"] == secret
    url = f"{HOOKS}/{hook['id']}"
    assert "secret" not in client.get(url, headers=admin).get_json()
    changed = client.patch(url, json={"quiet_s": 5}, headers=admin).get_json()
    assert (changed["quiet_s"], changed["max_wait_s"]) == (5, 0)
    assert [item["id"] for item in client.get(HOOKS, headers=admin).get_json()["items"]] == [hook["id"]]
    assert client.delete(url, headers=admin).status_code == 204
    for response in (client.get(url, headers=admin), client.delete(url, headers=admin)):
        problem(response, 404)


PRIVATE = [
    "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0x7f.1/", "https://0177.0.0.1/",
    "https://localhost/", "https://[::1]/", "https://[::ffff:169.254.169.254]/", "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/", "https://100.64.0.1/", "https://169.254.169.254/latest", "https://[fd00:ec2::254]/",
    "https://224.0.0.1/", "https://0.0.0.0/", "https://10.0.0.1/", "https://192.168.1.1/", "https://192.0.0.192/",
    "http://93.184.216.34/", "https://93.184.216.34:22/", "ftp://93.184.216.34/", "file:///etc/passwd",
    "https://user:secret@93.184.216.34/", "https://93.184.216.34/#x", "https:///x", "https://a b/", "https://[x/",
    "https://93.184.216.34:99999/", "no url", "", "https://[::127.0.0.1]/", "https://[2001::1]/",
    "https://localhost./", "https://127.0.0.1./",
    "https://168.63.129.16/", "https://93.184.216.34/\r\nX: y", " https://93.184.216.34/", "https://93.184.216.34/ក",
    "https://93.184.216.34:25/", "gopher://93.184.216.34/", "https://[fe80::1%25eth0]/", "https://a..b/",
]  # fmt: skip


@pytest.mark.parametrize("url", PRIVATE)
def test_a_webhook_to_an_address_that_is_not_public_is_refused(site: Path, tmp_path: Path, url: str) -> None:
    """AC-21, AC-23."""
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db"))
    client, headers = make_client(ctx), bearer(ctx, "webhooks")
    before = state_of(ctx)
    found = problem(client.post(HOOKS, json={"url": url}, headers=headers), 422)
    assert found["errors"][0]["pointer"] == "/url"
    assert state_of(ctx) == before
    close(ctx)


def test_an_address_that_turned_private_is_not_connected_to(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, tmp_path: Path, site: Path
) -> None:
    """AC-21, AC-22."""
    make_hook(client, admin, receiver.url)
    create_text(client, admin)
    strict = make_context(make_settings(site_of(ctx), ctx.settings.database))
    reconcile(strict)
    assert deliver_due(strict) == 1
    assert receiver.messages == []
    close(strict)


@pytest.mark.parametrize("url", ["https://cms.example.org/x", "https://CMS.example.ORG./hooks/git"])
def test_a_webhook_to_ourselves_is_refused_and_not_connected_to(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """AC-21."""
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)
    unnamed = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db"))
    headers = bearer(unnamed, "webhooks", "articles:write", "articles:publish")
    hook = make_hook(make_client(unnamed), headers, url)
    create_text(make_client(unnamed), headers)
    close(unnamed)
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db", public_url="http://cms.example.org:8000"))
    client = make_client(ctx)
    before = state_of(ctx)
    found = problem(client.post(HOOKS, json={"url": url}, headers=headers), 422)
    problem(client.patch(f"{HOOKS}/{hook['id']}", json={"url": url}, headers=headers), 422)
    assert [(error["pointer"], error["detail"]) for error in found["errors"]] == [("/url", "is this service itself")]
    assert state_of(ctx) == before
    assert deliver_due(ctx) == 1
    (attempt,) = client.get(f"{HOOKS}/{hook['id']}/deliveries", headers=headers).get_json()["items"]
    assert (attempt["status"], attempt["error"]) == (None, "blocked_address: is this service itself")
    close(ctx)


def test_public_addresses_are_accepted() -> None:
    check_url("https://93.184.216.34/hooks/1?x=y", Bounds())
    check_url("https://[2606:2800:220:1:248:1893:25c8:1946]/", Bounds())
    with pytest.raises(Invalid):
        check_url("https://[::ffff:10.0.0.1]/", Bounds())


@pytest.mark.parametrize(
    "body",
    [
        {}, {"url": 1}, {"url": "https://93.184.216.34", "quiet_s": -1}, {"url": "https://93.184.216.34", "x": 1},
        {"url": "https://93.184.216.34", "target": "travis"}, {"url": "https://93.184.216.34", "secret": "short"},
        {"url": "https://93.184.216.34", "secret": "whsec_x"}, {"url": "https://" + "x" * 3000},
        {"url": "https://93.184.216.34", "quiet_s": "soon"},
    ],
)  # fmt: skip
def test_a_webhook_that_makes_no_sense_is_refused(
    client: FlaskClient, admin: dict[str, str], ctx: Context, body: dict[str, Any]
) -> None:
    before = state_of(ctx)
    assert problem(client.post(HOOKS, json=body, headers=admin), 422)["errors"]
    assert state_of(ctx) == before
