"""The bucket fails at each step of what is done to a photo: it is there as before or as asked for, and never lost."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cms.context import Context
from cms.database import intents
from cms.database.engine import read
from cms.store import s3_client
from tests.api.editing import problem
from tests.api.test_images import IMAGES, picture, send
from tests.conftest import bearer, close, eventually, make_client, make_context, make_settings, reconcile
from tests.faulty import Proxy, faulty
from tests.store.racing import race

TRASH = "/api/v1/trash"
Act = Callable[[FlaskClient, dict[str, str], int], TestResponse]


@pytest.fixture
def proxy(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """In front of the bucket; the client tries once and not for long, so that each step fails by itself and soon."""
    hasty = Config(retries={"total_max_attempts": 1}, read_timeout=3)
    monkeypatch.setattr(s3_client, "PORTABLE", s3_client.PORTABLE.merge(hasty))
    with faulty(s3_url) as proxy:
        proxy.fault = "outage"
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", proxy.url)
        yield proxy


@pytest.fixture
def ctx(site: Path, database_url: str, proxy: Proxy, tmp_path: Path) -> Iterator[Context]:
    made = make_context(make_settings(site, database_url, media=f"s3://photos/{tmp_path.name}"))
    yield made
    close(made)


def _tag(client: FlaskClient, path: str) -> str | None:
    return client.get(f"{IMAGES}/{path}").headers.get("ETag")


def _upload(client: FlaskClient, headers: dict[str, str], number: int) -> TestResponse:
    return send(client, headers, (picture(size=(61 + number, 40)), f"new-{number}.jpg"), folder="apart")


def _replace(client: FlaskClient, headers: dict[str, str], number: int) -> TestResponse:
    own = {**headers, "If-Match": _tag(client, "apart/a.jpg") or ""}
    data = picture(size=(30 + number, 40))
    return client.put(f"{IMAGES}/apart/a.jpg", data=data, headers=own, content_type="image/jpeg")


def _delete(client: FlaskClient, headers: dict[str, str], _: int) -> TestResponse:
    return client.delete(f"{IMAGES}/apart/a.jpg", headers={**headers, "If-Match": _tag(client, "apart/a.jpg") or ""})


def _restore(client: FlaskClient, headers: dict[str, str], _: int) -> TestResponse:
    tag = _tag(client, "apart/a.jpg")
    condition = {"If-Match": tag} if tag else {}
    gone = client.get(f"{TRASH}?path=apart/a.jpg", headers=headers).get_json()["items"][-1]
    return client.post(f"{TRASH}/{gone['id']}", headers={**headers, **condition})


@pytest.mark.parametrize("act", [_upload, _replace, _delete, _restore])
def test_each_step_may_fail(ctx: Context, proxy: Proxy, act: Act) -> None:
    client, headers = make_client(ctx), bearer(ctx, "admin")
    known = {_sha(send(client, headers, (picture(), "a.jpg"), folder="apart"))}
    if act is _restore:
        known.add(_sha(_replace(client, headers, 999)))
    for number in range(40):
        proxy.spared, proxy.left = number, 1
        answer = act(client, headers, number)
        proxy.left = 0
        reconcile(ctx)
        with read(ctx.database) as tx:
            assert intents.begun(tx) == []
        if answer.status_code < 300:
            break
        assert problem(answer, 503)["code"] == "storage"
        known |= _shown_as_stored(ctx, client)
        assert known <= _shown_as_stored(ctx, client) | _in_trash(ctx, client, headers), f"step {number}"
        if _tag(client, "apart/a.jpg") is None:
            assert _restore(client, headers, number).status_code == 200
    assert answer.status_code < 300
    assert number >= 2, "the fault never struck"


def _sha(answer: TestResponse) -> str:
    assert answer.status_code < 300, answer.text
    shown: dict[str, Any] = answer.get_json()
    return str(shown["items"][0]["sha256"] if "items" in shown else shown["sha256"])


def _shown_as_stored(ctx: Context, client: FlaskClient) -> set[str]:
    """The digests of the photos in the folder; what is shown is what is stored, and all that is stored."""
    shown = {item["path"]: item["sha256"] for item in client.get(f"{IMAGES}?folder=apart").get_json()["items"]}
    stored = {stat.key for stat in ctx.media.list("src/assets/apart")}
    assert {f"src/assets/{path}" for path in shown} == stored
    for path, digest in shown.items():
        assert hashlib.sha256(client.get(f"/media/{path}").data).hexdigest() == digest
    return set(shown.values())


def _in_trash(ctx: Context, client: FlaskClient, headers: dict[str, str]) -> set[str]:
    items = client.get(f"{TRASH}?limit=100", headers=headers).get_json()["items"]
    assert {item["id"] for item in items} <= {stat.key.removeprefix("trash/") for stat in ctx.private.list("trash")}
    return {item["sha256"] for item in items}


def test_a_store_that_hangs_holds_up_one_upload_and_no_other(ctx: Context, proxy: Proxy) -> None:
    app = make_client(ctx).application
    headers = bearer(ctx, "admin")
    proxy.fault, proxy.left, proxy.cut_after = "hold", 1, 1000

    def post(number: int) -> int:
        if number == 1:
            assert eventually(lambda: proxy.met)
        answer = send(app.test_client(), headers, (picture(size=(700, 300 + number)), "a.jpg"), folder="apart")
        if number == 1:
            # While the first one still waits for the store.
            assert app.test_client().get(f"{IMAGES}/apart/a.jpg").status_code == 404
            assert answer.get_json()["items"][0]["path"] == "apart/a-2.jpg"
        return answer.status_code

    assert sorted(race(2, post)) == [201, 503]
    reconcile(ctx)
    assert [stat.key for stat in ctx.media.list("src/assets/apart")] == ["src/assets/apart/a-2.jpg"]


def test_the_same_photo_sent_twice_at_once_is_stored_once(ctx: Context) -> None:
    app = make_client(ctx).application
    headers = bearer(ctx, "admin")

    def post(_: int) -> str:
        answer = send(app.test_client(), headers, (picture(), "a.jpg"), folder="apart")
        assert answer.status_code == 201, answer.text
        return str(answer.get_json()["items"][0]["path"])

    assert race(4, post) == ["apart/a.jpg"] * 4
    assert [stat.key for stat in ctx.media.list("src/assets/apart")] == ["src/assets/apart/a.jpg"]
