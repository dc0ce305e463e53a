"""Photos put straight into the bucket: announced, PUT by a signed URL, taken in."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from cms.actions import direct_upload
from cms.actions.direct_upload import KEPT_S
from cms.actions.sweep import sweep
from cms.context import Context
from cms.database.engine import write
from cms.database.tables import uploads as uploads_table
from cms.store.base import ABSENT, Key, version_of
from cms.store.s3_client import connect
from tests.api.editing import problem
from tests.api.test_images import IMAGES, PLANTED, picture, send
from tests.components import s3_environment
from tests.conftest import bearer, close, make_client, make_context, make_settings, state_of
from tests.servers import S3_SERVERS
from tests.store.racing import race

UPLOADS = "/api/v1/uploads"
PHOTO = picture()


@pytest.fixture(params=S3_SERVERS)
def ctx(
    request: pytest.FixtureRequest, site: Path, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """The sample site with a bucket for its photos, on each make of server."""
    for name, value in s3_environment(request.getfixturevalue(request.param)).items():
        monkeypatch.setenv(name, value)
    made = make_context(make_settings(site, database_url, media=f"s3://photos/{tmp_path.name}"))
    yield made
    close(made)


def announce(client: FlaskClient, headers: dict[str, str], *files: dict[str, Any], **place: Any) -> TestResponse:
    return client.post(UPLOADS, json={"files": list(files), **(place or {"folder": "apart"})}, headers=headers)


def file(data: bytes = PHOTO, name: str = "a.jpg", kind: str = "image/jpeg") -> dict[str, Any]:
    return {"name": name, "bytes": len(data), "type": kind}


def put(item: dict[str, Any], data: bytes = PHOTO, **headers: str) -> int:
    changed = {name.replace("_", "-"): value for name, value in headers.items()}
    with urllib3.PoolManager(retries=False) as http:
        answer = http.request(item["method"], item["url"], body=data, headers={**item["headers"], **changed})
    return answer.status


def complete(client: FlaskClient, headers: dict[str, str], item: dict[str, Any]) -> TestResponse:
    return client.post(f"{UPLOADS}/{item['id']}/complete", headers=headers)


def test_a_photo_goes_into_the_bucket_and_comes_out_ready(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    begun = announce(client, admin, file(), file(name="ថ្ងៃ.jpg"), article="news/en/river-bus")
    assert begun.status_code == 201, begun.text
    first, second = begun.get_json()["items"]
    assert put(first) == 200
    assert PLANTED in (ctx.private.read(Key(f"uploads/{first['id']}")) or b"")
    done = complete(client, admin, first)
    assert done.status_code == 201, done.text
    item = done.get_json()
    assert (item["path"], item["ref"]) == ("news/river-bus/a.jpg", "../../../assets/news/river-bus/a.jpg")
    assert item["markdown"] == f"![]({item['ref']})"
    assert PLANTED not in client.get(item["url"], headers=admin).data
    assert ctx.private.read(Key(f"uploads/{first['id']}")) is None
    problem(complete(client, admin, second), 409, "upload_missing")
    # The same bytes are the same photo, whatever they are called.
    assert put(second) == 200
    assert complete(client, admin, second).get_json()["path"] == item["path"]
    assert client.get(f"{IMAGES}/{item['path']}", headers=admin).get_json()["sha256"] == item["sha256"]


def test_to_complete_it_again_gives_the_same_answer(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    (item,) = announce(client, admin, file()).get_json()["items"]
    put(item)
    first = complete(client, admin, item)
    before = state_of(ctx)
    again = complete(client, admin, item)
    assert (again.status_code, again.get_json()) == (201, first.get_json())
    assert state_of(ctx) == before


def test_to_complete_it_twice_at_once_gives_the_same_answer(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = announce(client, admin, file()).get_json()["items"]
    put(item)
    answers = race(4, lambda _: complete(client.application.test_client(), admin, item))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_json()["path"] for answer in answers}) == 1


def test_size_and_type_are_pinned_and_a_changed_url_is_worth_nothing(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = announce(client, admin, file()).get_json()["items"]
    before = state_of(ctx)
    assert put(item, PHOTO + b"\0") in (400, 403)
    assert put(item, PHOTO[:-1]) in (400, 403)
    assert put(item, Content_Type="text/html") in (400, 403)
    assert put({**item, "url": item["url"].replace(item["id"], "other")}) in (400, 403)
    assert put({**item, "method": "DELETE"}, b"") in (400, 403)
    assert state_of(ctx) == before
    problem(complete(client, admin, item), 409, "upload_missing")


def test_what_is_no_photo_is_not_taken_in(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    html = b"<html><script>alert(1)</script></html>"
    (item,) = announce(client, admin, file(html)).get_json()["items"]
    assert put(item, html) == 200
    before = state_of(ctx)
    problem(complete(client, admin, item), 415, "photo_type")
    key = Key(f"uploads/{item['id']}")
    ctx.private.delete(key, expect=version_of(html))
    ctx.private.write(key, html[:-1], expect=ABSENT)
    found = problem(complete(client, admin, item), 422, "upload_incomplete")
    assert f"{len(html) - 1} bytes have arrived, {len(html)} were announced" in found["detail"]
    after = state_of(ctx)
    assert [name for name in after if after[name] != before[name]] == [f"uploads:{key}"]


def test_what_cannot_be_announced_is_refused(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    narrow, reader = bearer(ctx, "images:write:places"), bearer(ctx, "articles:write")
    before = state_of(ctx)
    limits = ctx.settings.limits
    big = {**file(), "bytes": limits.photo_bytes + 1}
    assert problem(announce(client, admin, file(), big), 413)["errors"][0]["pointer"] == "/files/1/bytes"
    pdf = file(kind="application/pdf")
    assert problem(announce(client, admin, pdf), 415)["errors"][0]["pointer"] == "/files/0/type"
    problem(announce(client, admin, *[file()] * (limits.request_files + 1)), 413)
    problem(announce(client, admin), 422)
    for wrong in ({"bytes": 0}, {"bytes": "5"}, {"bytes": 1.5}, {"name": ""}, {"type": None}, {"key": "src/x"}):
        problem(announce(client, admin, {**file(), **wrong}), 422)
    problem(announce(client, admin, file(), folder="../up"), 422)
    problem(announce(client, admin, file(), folder="a", article="news/en/river-bus"), 422)
    problem(announce(client, admin, file(), article="news/en/none"), 422)
    problem(announce(client, narrow, file(), article="news/en/river-bus"), 403)
    problem(announce(client, reader, file()), 403)
    problem(announce(client, {}, file()), 401)
    problem(complete(client, admin, {"id": "0" * 32}), 404)
    problem(complete(client, {}, {"id": "0" * 32}), 401)
    assert state_of(ctx) == before


def test_another_may_not_complete_what_they_may_not_write(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    (item,) = announce(client, admin, file(), article="news/en/river-bus").get_json()["items"]
    put(item)
    narrow = bearer(ctx, "images:write:places")
    before = state_of(ctx)
    problem(complete(client, narrow, item), 403)
    assert state_of(ctx) == before


def test_who_may_not_any_more_completes_nothing(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    """AC-17: what was sent while the token was good is nowhere."""
    desk = bearer(ctx, "images:write")
    (item,) = announce(client, desk, file()).get_json()["items"]
    assert put(item) == 200
    token_id = desk["Authorization"].split("_")[1]
    assert client.delete(f"/api/v1/tokens/{token_id}", headers=admin).status_code == 204
    before = state_of(ctx)
    problem(complete(client, desk, item), 401)
    assert state_of(ctx) == before
    assert client.get(f"{IMAGES}/apart/a.jpg").status_code == 404


def test_an_upload_that_never_ends_is_cleared_away(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    before = state_of(ctx)
    (item,) = announce(client, admin, file()).get_json()["items"]
    put(item)
    sweep(ctx)
    assert ctx.private.read(Key(f"uploads/{item['id']}")) is not None
    with write(ctx.database) as tx:
        tx.execute(update(uploads_table).values(expires_at=uploads_table.c.expires_at - KEPT_S))
    problem(complete(client, admin, item), 410)
    sweep(ctx)
    assert state_of(ctx) == before
    problem(complete(client, admin, item), 404)


def test_credit_is_kept_when_asked(client: FlaskClient, admin: dict[str, str]) -> None:
    data = picture(artist="Sok Dara")
    (item,) = announce(client, admin, file(data), folder="apart", keep_credit=True).get_json()["items"]
    put(item, data)
    assert complete(client, admin, item).get_json()["credit"] == "Sok Dara"


def test_a_folder_takes_photos_by_the_service_alone(site: Path, tmp_path: Path) -> None:
    ctx = make_context(make_settings(site, f"sqlite:///{tmp_path}/cms.db"))
    client, headers = make_client(ctx), bearer(ctx, "admin")
    before = state_of(ctx)
    found = problem(announce(client, headers, file()), 501)
    assert "POST /images" in found["detail"]
    assert state_of(ctx) == before
    assert send(client, headers, (PHOTO, "a.jpg"), folder="apart").status_code == 201
    close(ctx)


def test_a_url_is_worth_nothing_after_its_time(
    client: FlaskClient, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct_upload, "URL_S", 1)
    (item,) = announce(client, admin, file()).get_json()["items"]
    time.sleep(2.1)
    assert put(item) in (400, 403)
    problem(complete(client, admin, item), 409, "upload_missing")


@pytest.mark.xdist_group("ceph")
def test_what_everybody_can_read_keeps_nothing_private(
    ceph_url: str, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in s3_environment(ceph_url).items():
        monkeypatch.setenv(name, value)
    storage = connect()
    bucket = tmp_path.name.replace("_", "-").lower()
    storage.create_bucket(Bucket=bucket)
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    storage.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [anybody]}))
    settings = make_settings(site, f"sqlite:///{tmp_path}/cms.db", media=f"s3://{bucket}/site")
    for own, status in ((settings, 501), (dataclasses.replace(settings, uploads=f"s3://photos/{bucket}"), 201)):
        ctx = make_context(own)
        client, headers = make_client(ctx), bearer(ctx, "admin")
        assert announce(client, headers, file()).status_code == status
        kept = make_client(dataclasses.replace(ctx, settings=dataclasses.replace(own, keep_originals=True)))
        assert send(kept, headers, (PHOTO, "a.jpg"), folder="apart").status_code == status
        (item,) = send(client, headers, (PHOTO, "a.jpg"), folder="apart").get_json()["items"]
        tag = client.get(f"{IMAGES}/{item['path']}").headers["ETag"]
        gone = client.delete(f"{IMAGES}/{item['path']}", headers={**headers, "If-Match": tag})
        assert gone.status_code == (501 if status == 501 else 204)
        close(ctx)
