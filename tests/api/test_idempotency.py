"""A request that is repeated with its Idempotency-Key is done once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from cms.actions.answers import KEPT_S, LEASE_S
from cms.actions.sweep import sweep
from cms.context import Context
from cms.database.engine import write
from cms.database.tables import answers
from cms.store import condition
from tests.api.editing import ARTICLES, problem
from tests.api.test_images import picture, send
from tests.conftest import bearer, both_databases, state_of
from tests.faults.points import Point, Striking
from tests.faults.steps import watched
from tests.store.racing import race

NEW = {"data": {"title": "New", "description": "d", "date": "2025-01-02", "author": "a", "tags": []}, "locale": "en"}


def keyed(headers: dict[str, str], key: str = "first-try") -> dict[str, str]:
    return {**headers, "Idempotency-Key": key}


def create(client: FlaskClient, headers: dict[str, str], body: Any = NEW) -> Any:
    return client.post(f"{ARTICLES}/news", json=body, headers=headers)


@both_databases
def test_an_article_is_created_once(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    """AC-39."""
    first = create(client, keyed(admin))
    assert first.status_code == 201
    before = state_of(ctx)
    again = create(client, keyed(admin))
    assert (again.status_code, again.data) == (201, first.data)
    for header in ("ETag", "Location", "Content-Type"):
        assert again.headers[header] == first.headers[header]
    assert state_of(ctx) == before
    assert create(client, keyed(admin, "second-try")).get_json()["id"] == "en/new-2"
    assert create(client, admin).get_json()["id"] == "en/new-3"


def test_photos_are_stored_once_also_when_one_is_gone_since(client: FlaskClient, admin: dict[str, str]) -> None:
    photo = (picture(), "a.jpg")
    first = send(client, keyed(admin), photo, folder="apart")
    path = first.get_json()["items"][0]["path"]
    tag = client.get(f"/api/v1/images/{path}").headers["ETag"]
    client.delete(f"/api/v1/images/{path}", headers={**admin, "If-Match": tag})
    again = send(client, keyed(admin), photo, folder="apart")
    assert (again.status_code, again.data) == (201, first.data)
    problem(client.get(f"/api/v1/images/{path}"), 404)


def test_a_key_is_for_one_request_of_one_token(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    """AC-39."""
    create(client, keyed(admin))
    send(client, keyed(admin, "photos"), (picture(), "a.jpg"), folder="apart")
    other = bearer(ctx, "admin")
    before = state_of(ctx)
    problem(create(client, keyed(admin), {**NEW, "locale": "km"}), 422, "idempotency_key")
    problem(client.post(f"{ARTICLES}/places", json=NEW, headers=keyed(admin)), 422, "idempotency_key")
    problem(send(client, keyed(admin, "photos"), (picture(size=(9, 9)), "a.jpg"), folder="apart"), 422)
    problem(send(client, keyed(admin, "photos"), (picture(), "a.jpg"), folder="other"), 422, "idempotency_key")
    for key in ("", "two words", "ខ្មែរ", "x" * 201):
        problem(create(client, keyed(admin, key)), 400, "idempotency_key")
    assert state_of(ctx) == before
    assert create(client, keyed(other)).get_json()["id"] == "en/new-2"


def test_after_an_error_it_is_tried_anew(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    before = state_of(ctx)
    problem(create(client, keyed(admin), {"data": {}, "locale": "en", "slug": "new"}), 422)
    assert state_of(ctx) == before
    assert create(client, keyed(admin)).status_code == 201


@both_databases
def test_of_the_same_request_sent_at_once_one_is_done(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    """AC-39."""
    answered = race(6, lambda _: create(client.application.test_client(), keyed(admin)))
    assert {answer.status_code for answer in answered} <= {201, 409}
    assert {answer.get_json()["id"] for answer in answered if answer.status_code == 201} == {"en/new"}
    assert {answer.get_json()["code"] for answer in answered if answer.status_code == 409} <= {"under_way"}
    assert create(client, admin).get_json()["id"] == "en/new-2"


@pytest.mark.parametrize(("status", "age"), [(201, KEPT_S), (None, LEASE_S)])
def test_an_old_key_counts_no_more(
    client: FlaskClient, admin: dict[str, str], ctx: Context, status: int | None, age: float
) -> None:
    create(client, keyed(admin))
    with write(ctx.database) as tx:
        tx.execute(update(answers).values(status=status, body=None))
    if status is None:
        problem(create(client, keyed(admin)), 409, "under_way")
    let_expire(ctx, age)
    assert create(client, keyed(admin)).get_json()["id"] == "en/new-2"


@both_databases
def test_who_died_before_answering_has_not_worked_in_vain(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    first = create(client, keyed(admin)).get_json()
    note = json.dumps([first["id"], first["version"], 0])
    lose_answer(ctx, note)
    again = create(client, keyed(admin))
    assert (again.status_code, again.get_json()) == (201, first)
    assert again.headers["Location"].endswith(first["id"])
    assert create(client, keyed(admin)).data == again.data
    lose_answer(ctx, note)
    tag = {"If-Match": again.headers["ETag"]}
    assert client.delete(f"{ARTICLES}/news/en/new", headers={**admin, **tag}).status_code == 204
    before = ids(client)
    problem(create(client, keyed(admin)), 410, "gone")
    assert ids(client) == before


def test_whatever_fails_it_is_made_once(
    client: FlaskClient, admin: dict[str, str], ctx: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(condition, "READ_ONLY_S", 0)  # a disk that has failed once is tried again at once
    before, failed, number = ids(client), 0, 0
    while True:
        headers, striking = keyed(admin, f"try-{number}"), Striking(Point(number, "", "EIO"))
        with watched(striking):
            answer = create(client, headers)
        assert answer.status_code in (201, 503)
        failed += answer.status_code == 503
        again = create(client, headers)
        if again.status_code == 409:  # that it failed could not be said either
            problem(again, 409, "under_way")
            let_expire(ctx, LEASE_S)
            again = create(client, headers)
        assert again.status_code == 201, (striking, again.text)
        assert again.get_json()["id"] == "en/new"
        assert ids(client) - before == {"en/new"}
        tag = {"If-Match": again.headers["ETag"]}
        assert client.delete(f"{ARTICLES}/news/en/new", headers={**admin, **tag}).status_code == 204
        if striking.calls <= number:
            break
        number += 1
    assert failed > 2


def lose_answer(ctx: Context, note: str) -> None:
    with write(ctx.database) as tx:
        tx.execute(update(answers).values(status=None, body=note, time=answers.c.time - LEASE_S - 1))


def let_expire(ctx: Context, age: float) -> None:
    with write(ctx.database) as tx:
        tx.execute(update(answers).values(time=answers.c.time - age - 1))


def ids(client: FlaskClient) -> set[str]:
    return {item["id"] for item in client.get(f"{ARTICLES}?collection=news&limit=100").get_json()["items"]}


def test_answers_are_forgotten_after_a_day(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    create(client, admin)
    before = state_of(ctx)
    create(client, keyed(admin), {**NEW, "slug": "other"})
    let_expire(ctx, KEPT_S)
    sweep(ctx)
    after = state_of(ctx)
    assert after["table:answers"] == before["table:answers"]
