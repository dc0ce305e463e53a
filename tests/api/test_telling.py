"""How webhooks are told: whom, of what, how soon, and what is shown of it."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask.testing import FlaskClient
from standardwebhooks import Webhook, WebhookVerificationError

from cms.actions.watch import watch
from cms.context import Context
from cms.database import deliveries
from cms.model.pace import RETRY_S
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.api.test_webhooks import NAME
from tests.conftest import both_databases, state_of
from tests.receiver import Receiver
from tests.telling import HOOKS, deliver_due, make_hook, pass_time, retry_now

SLOW = {"quiet_s": 600, "max_wait_s": 3600}


def urgent(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "Prefer": "urgent"}


def attempts(client: FlaskClient, headers: dict[str, str], hook: dict[str, Any], query: str = "") -> Any:
    response = client.get(f"{HOOKS}/{hook['id']}/deliveries{query}", headers=headers)
    assert response.status_code == 200, response.text
    return response.get_json()


def shown(client: FlaskClient, headers: dict[str, str], hook: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{HOOKS}/{hook['id']}", headers=headers).get_json()
    return found


@both_databases
def test_a_save_that_is_urgent_is_told_at_once(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url, **SLOW)
    etag = create_text(client, admin)
    assert deliver_due(ctx) == 0
    response = patch(client, urgent(admin), NAME, etag, {"data": {"title": "Closed today"}})
    assert response.headers["Preference-Applied"] == "urgent"
    assert deliver_due(ctx) == 1
    assert json.loads(receiver.messages[0][1])["reason"] == "urgent"
    etag = patch(client, admin, NAME, response.headers["ETag"], {"data": {"title": "As always"}}).headers["ETag"]
    pass_time(ctx, 200)
    assert deliver_due(ctx) == 0, "urgency is of the save that asked for it"
    deleted = client.delete(f"{ARTICLES}/{NAME}", headers={**urgent(admin), "If-Match": etag})
    assert deleted.headers["Preference-Applied"] == "urgent"
    assert deliver_due(ctx) == 0, "no two messages come closer than the quiet time"
    pass_time(ctx, 401)
    assert deliver_due(ctx) == 1


def test_what_is_refused_or_only_tried_is_not_urgent(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url, **SLOW)
    etag = create_text(client, admin)
    before = state_of(ctx)
    tried = client.patch(
        f"{ARTICLES}/{NAME}?dry_run=true", json={"data": {"title": "x"}}, content_type="application/merge-patch+json",
        headers={**urgent(admin), "If-Match": etag},
    )  # fmt: skip
    assert tried.status_code == 200
    problem(patch(client, urgent(admin), NAME, '"other"', {"data": {"title": "x"}}), 412)
    assert state_of(ctx) == before
    assert deliver_due(ctx) == 0


@both_databases
def test_a_comment_publishes_nothing_new(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url)
    etag = create_text(client, admin)
    assert deliver_due(ctx) == 1
    for old, new in (("# written by hand", "# by hand"), ("'A day at the library' ", '"A day at the library" ')):
        text = TEXT.replace(old, new).encode()
        headers = {**admin, "If-Match": etag}
        saved = client.put(f"{ARTICLES}/{NAME}", data=text, headers=headers, content_type="text/markdown")
        assert saved.headers["ETag"] != etag
        etag = saved.headers["ETag"]
        assert deliver_due(ctx) == 0, new
    patch(client, admin, NAME, etag, {"data": {"title": "Another day"}})
    assert deliver_due(ctx) == 1
    lines = client.get("/api/v1/sync").text
    assert '"title":"Another day"' in lines


def test_changes_during_a_delivery_lead_to_one_more(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url)
    etag = create_text(client, admin)

    def save_twice() -> None:
        receiver.meanwhile = None
        tag = etag
        for title in ("Second", "Third"):
            tag = patch(client, admin, NAME, tag, {"data": {"title": title}}).headers["ETag"]
        assert deliver_due(ctx) == 0, "one is in flight"

    receiver.meanwhile = save_twice
    assert deliver_due(ctx) == 1
    assert deliver_due(ctx) == 1
    assert deliver_due(ctx) == 0
    first, second = (json.loads(body) for _, body in receiver.messages)
    assert second["previous_cursor"] == first["cursor"]


def test_the_message_is_thin_however_much_was_published(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url)
    for number in range(101):
        create_text(client, admin, f"news/en/day-{number}")
    assert deliver_due(ctx) == 1
    message = json.loads(receiver.messages[0][1])
    assert (len(message["ids"]), message["truncated"]) == (100, True)
    assert len(receiver.messages[0][1]) < 20_000


def test_a_secret_is_changed_without_a_moment_in_which_nobody_can_verify(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    url = f"{HOOKS}/{hook['id']}"
    secrets = [hook["secret"]]

    def verified() -> list[bool]:
        client.post(f"{url}/test", headers=admin)
        headers, body = receiver.messages[-1]
        found = []
        for secret in secrets:
            try:
                Webhook(secret).verify(body, headers)
                found.append(True)
            except WebhookVerificationError:
                found.append(False)
        return found

    changed = client.patch(url, json={"secret": None}, headers=admin).get_json()
    secrets.append(changed["secret"])
    assert changed["old_secret_until"]
    assert verified() == [True, True]
    pass_time(ctx, 86_400)
    assert verified() == [False, True]
    for number in (1, 2):
        secret = "whsec_" + base64.b64encode(bytes([number]) * 24).decode()
        assert client.patch(url, json={"secret": secret}, headers=admin).get_json()["secret"] == secret
        secrets.append(secret)
    assert verified() == [False, False, True, True], "two at most are active"
    assert "secret" not in client.patch(url, json={"quiet_s": 1}, headers=admin).get_json()


def test_a_message_that_was_changed_on_the_way_is_not_verified(
    client: FlaskClient, admin: dict[str, str], receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    client.post(f"{HOOKS}/{hook['id']}/test", headers=admin)
    ((headers, body),) = receiver.messages
    Webhook(hook["secret"]).verify(body, headers)
    stale = {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
    for changed, sent in (
        (body.replace(b"t", b"T", 1), headers),
        (body, stale),
        (body, {**headers, "webhook-id": "x"}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(hook["secret"]).verify(changed, sent)


@pytest.mark.parametrize("target", ["github", "gitlab"])
def test_the_token_of_a_target_is_sent_and_never_shown(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, target: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.DEBUG)
    token = "tok-5e2c8f"
    receiver.body = f'{{"message": "Bad credentials: {token}"}}'.encode()
    receiver.statuses = [401]
    hook = make_hook(client, admin, receiver.url, target=target, secret=token)
    create_text(client, admin)
    assert deliver_due(ctx) == 1
    ((headers, body),) = receiver.messages
    if target == "github":
        assert headers["authorization"] == f"Bearer {token}"
        assert json.loads(body)["event_type"] == "content.changed"
    else:
        assert parse_qs(body.decode())["token"] == [token]
    changed = client.patch(f"{HOOKS}/{hook['id']}", json={"secret": token}, headers=admin).get_json()
    tried = attempts(client, admin, hook)
    assert tried["items"][0]["answer"] == '{"message": "Bad credentials: …"}'
    told = [hook, changed, tried, client.get(HOOKS, headers=admin).get_json(), caplog.text]
    assert token not in json.dumps(told)
    assert "secret" not in hook


@pytest.mark.parametrize("target", ["netlify", "vercel", "cloudflare"])
def test_a_url_that_is_a_secret_is_shown_in_part(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, target: str
) -> None:
    hook = make_hook(client, admin, receiver.url, target=target)
    assert hook["url"] == receiver.url.replace("hook?site=x", "…")
    create_text(client, admin)
    assert deliver_due(ctx) == 1
    assert len(receiver.messages) == 1
    assert "hook?site=x" not in json.dumps([hook, attempts(client, admin, hook)])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"target": "github"}, "/secret"),
        ({"target": "github", "secret": "two words"}, "/secret"),
        ({"target": "gitlab", "secret": "t\r\nx: y"}, "/secret"),
        ({"target": "gitlab", "secret": "t", "ref": "a b"}, "/ref"),
        ({"target": "netlify", "secret": "t"}, "/secret"),
        ({"target": "vercel", "ref": "main"}, "/ref"),
        ({"target": "vercel", "events": ["content.changed", "content.not_live"]}, "/events"),
        ({"events": []}, "/events"),
        ({"events": ["content.deleted"]}, "/events/0"),
    ],
)
def test_a_target_that_makes_no_sense_is_refused(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, body: dict[str, Any], pointer: str
) -> None:
    before = state_of(ctx)
    found = problem(client.post(HOOKS, json={"url": receiver.url, **body}, headers=admin), 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]
    assert state_of(ctx) == before


def test_a_change_that_makes_no_sense_is_refused(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url, target="github", secret="t")
    before = state_of(ctx)
    for body, pointer in (({"secret": None}, "/secret"), ({"events": ["content.not_live"]}, "/events")):
        found = problem(client.patch(f"{HOOKS}/{hook['id']}", json=body, headers=admin), 422)
        assert found["errors"][0]["pointer"] == pointer
    assert state_of(ctx) == before


def test_a_receiver_that_asks_for_a_pause_gets_it(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    make_hook(client, admin, receiver.url)
    create_text(client, admin)
    receiver.statuses, receiver.headers = [503], {"Retry-After": "120"}
    assert deliver_due(ctx) == 1
    pass_time(ctx, 30)
    assert deliver_due(ctx) == 0
    pass_time(ctx, 91)
    assert deliver_due(ctx) == 1


def test_a_receiver_that_is_gone_is_said_to_be_and_asked_now_and_then(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin)
    receiver.statuses = [410]
    assert deliver_due(ctx) == 1
    watch(ctx)
    assert shown(client, admin, hook)["state"] == "gone"
    ready = client.get("/readyz", headers=admin).get_json()
    assert [notice["name"] for notice in ready["notices"]] == ["webhooks_failing"]
    assert hook["id"] in ready["notices"][0]["detail"]
    assert "detail" not in client.get("/readyz").get_json()["notices"][0]
    create_text(client, admin, "news/km/a-day")
    pass_time(ctx, RETRY_S[-1] * 0.7)
    assert deliver_due(ctx) == 0
    pass_time(ctx, RETRY_S[-1] * 0.6)
    assert deliver_due(ctx) == 1
    assert json.loads(receiver.messages[1][1])["ids"] == [NAME, "news/km/a-day"], "the newer takes the older's place"
    watch(ctx)
    assert shown(client, admin, hook)["state"] == "ok"
    assert client.get("/readyz").get_json()["notices"] == []


def test_a_webhook_that_fails_for_15_minutes_is_said_to_and_one_that_answers_a_test_is_told_at_once(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin)
    receiver.statuses = [500, 500]
    assert deliver_due(ctx) == 1
    watch(ctx)
    assert client.get("/readyz").get_json()["notices"] == []
    pass_time(ctx, 901)
    assert deliver_due(ctx) == 1
    watch(ctx)
    assert client.get("/readyz").get_json()["notices"][0]["name"] == "webhooks_failing"
    found = shown(client, admin, hook)
    assert (found["state"], found["failures"]) == ("failing", 2)
    assert found["failing_since"] < found["retry_at"]
    assert deliver_due(ctx) == 0
    assert client.post(f"{HOOKS}/{hook['id']}/test", headers=admin).get_json()["status"] == 204
    assert deliver_due(ctx) == 1
    found = shown(client, admin, hook)
    assert (found["state"], found["failing_since"], found["retry_at"]) == ("ok", None, None)
    assert found["told_at"]


@both_databases
def test_attempts_are_listed_a_page_at_a_time_with_what_was_answered(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "KEPT", 5)
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin)
    receiver.statuses = [500] * 6
    receiver.body = b"\0no\xff" + b"x" * 5000
    for _ in range(7):
        assert deliver_due(ctx) == 1
        retry_now(ctx)
    found, cursor = [], ""
    while True:
        page = attempts(client, admin, hook, f"?limit=2{cursor}")
        assert len(page["items"]) <= 2
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert [item["status"] for item in found] == [204, 500, 500, 500, 500]
    assert found[1]["answer"] == "\ufffdno\ufffd" + "x" * 1020
    assert found[1]["reason"] == "quiet"
    for bad in ("x", "W10", "WzEsIDJd", "bnVsbA", "ក"):
        url = f"{HOOKS}/{hook['id']}/deliveries?cursor={bad}"
        assert problem(client.get(url, headers=admin), 400)["code"] == "cursor"


def test_an_attempt_is_listed_from_its_beginning(
    client: FlaskClient, admin: dict[str, str], ctx: Context, receiver: Receiver
) -> None:
    hook = make_hook(client, admin, receiver.url)
    create_text(client, admin)
    seen: list[dict[str, Any]] = []
    receiver.meanwhile = lambda: seen.extend(attempts(client, admin, hook)["items"])
    assert deliver_due(ctx) == 1
    (attempt,) = seen
    assert attempt["status"] is None
    assert attempt["error"].startswith("interrupted")
    assert attempts(client, admin, hook)["items"][0]["error"] is None
