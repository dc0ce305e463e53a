"""A disk that fails: nothing more is written to it until a probe gets through, and reading goes on all the while."""

from __future__ import annotations

import errno
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Connection, event
from werkzeug.test import TestResponse

from cms.context import Context
from cms.errors import READ_ONLY_S
from tests.api.editing import ARTICLES, TEXT, create_text, patch, problem
from tests.conftest import make_client, reconcile, site_of, state_of
from tests.faults.steps import watched

NAME = "news/en/a-day"
WRITES = {"write", "rename", "exchange", "link", "unlink", "mkdir"}


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    passed, real = [0.0], time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + sum(passed))
    return passed.append


class Failing:
    """A disk that fails all calls of one name, once so many were `spared`; `made` has the names of all calls."""

    def __init__(self, name: str, number: int, spared: int = 0) -> None:
        self.name, self.number, self.spared = name, number, spared
        self.made: list[str] = []

    def __call__(self, name: str) -> None:
        self.made.append(name)
        if name == self.name:
            self.spared -= 1
            if self.spared < 0:
                raise OSError(self.number, os.strerror(self.number))


def notices(client: FlaskClient) -> list[str]:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    shown = answer.get_json()
    assert shown["status"] == ("degraded" if shown["notices"] else "ready")
    return [notice["name"] for notice in shown["notices"]]


def save(client: FlaskClient, headers: dict[str, str], etag: str) -> TestResponse:
    return patch(client, headers, NAME, etag, {"data": {"title": "Another"}})


def create(client: FlaskClient, headers: dict[str, str]) -> TestResponse:
    own = {**headers, "If-None-Match": "*"}
    return client.put(f"{ARTICLES}/news/en/new", data=TEXT.encode(), headers=own, content_type="text/markdown")


def delete(client: FlaskClient, headers: dict[str, str], etag: str) -> TestResponse:
    return client.delete(f"{ARTICLES}/{NAME}", headers={**headers, "If-Match": etag})


def test_after_a_failed_flush_nothing_is_written_until_a_probe_gets_through(
    client: FlaskClient, admin: dict[str, str], ctx: Context, pass_time: Callable[[float], None]
) -> None:
    etag = create_text(client, admin)
    before = state_of(ctx)
    disk = Failing("fsync", errno.EIO)
    with watched(disk):
        problem(save(client, admin, etag), 503, "storage_read_only")
        assert disk.made.count("fsync") == 1, "no file is flushed a second time"
        disk.made.clear()
        for refused in (save(client, admin, etag), create(client, admin), delete(client, admin, etag)):
            problem(refused, 503, "storage_read_only")
            assert refused.headers["Retry-After"] == str(READ_ONLY_S)
        assert WRITES.isdisjoint(disk.made)
        assert client.get(f"{ARTICLES}/{NAME}").headers["ETag"] == etag
        assert notices(client) == ["storage_read_only"]
        pass_time(READ_ONLY_S)
        assert notices(client) == ["storage_read_only"], "the probe has failed too"
    assert notices(client) == ["storage_read_only"], "it is not tried all the time"
    pass_time(READ_ONLY_S)
    assert notices(client) == []
    assert state_of(ctx) == before
    assert save(client, admin, etag).status_code == 200


def test_a_save_whose_folder_could_not_be_flushed_is_not_acknowledged(
    client: FlaskClient, admin: dict[str, str], ctx: Context, pass_time: Callable[[float], None]
) -> None:
    etag = create_text(client, admin)
    with watched(Failing("fsync", errno.EIO, spared=1)):
        problem(save(client, admin, etag), 503, "storage_read_only")
    pass_time(READ_ONLY_S)
    reconcile(ctx)
    current = client.get(f"{ARTICLES}/{NAME}")
    assert current.get_json()["data"]["title"] == "Another", "it is there, and it stands in the history"
    assert save(client, admin, current.headers["ETag"]).status_code == 200


FULL = (507, "storage_full", ["storage_full"])
BROKEN = (503, "storage_read_only", ["storage_read_only"])


@pytest.mark.parametrize(
    ("call", "number", "expected"),
    [
        ("write", errno.ENOSPC, FULL),
        ("write", errno.EDQUOT, FULL),
        ("fsync", errno.ENOSPC, FULL),
        ("write", errno.EIO, BROKEN),
        ("exchange", errno.EIO, BROKEN),
        ("rename", errno.EROFS, BROKEN),
        ("create", errno.EROFS, BROKEN),  # of the lock file, before the store is asked
        ("rename", errno.EACCES, (503, "storage", ["storage"])),
        ("create", errno.EMFILE, (503, "storage", ["storage"])),
    ],
)
def test_what_a_failure_is_called(
    admin: dict[str, str],
    ctx: Context,
    call: str,
    number: int,
    expected: tuple[int, str, list[str]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    client, (status, code, notice) = make_client(ctx), expected
    etag = create_text(client, admin)
    before = state_of(ctx)
    with watched(Failing(call, number)):
        refused = save(client, admin, etag)
    for word in (str(site_of(ctx)), errno.errorcode[number]):
        assert word not in refused.text
        assert word not in client.get("/readyz").text
        assert [word in one["detail"] for one in client.get("/readyz", headers=admin).get_json()["notices"]] == [True]
        assert [word in record.getMessage() for record in caplog.records] == [True]
    assert "Retry-After" in refused.headers
    problem(refused, status, code)
    assert notices(client) == notice
    assert state_of(ctx) == before


def test_on_a_full_disk_what_fits_is_saved(client: FlaskClient, admin: dict[str, str]) -> None:
    """Unlike a disk that fails, one that is full is tried each time."""
    etag = create_text(client, admin)
    with watched(Failing("write", errno.ENOSPC)):
        problem(save(client, admin, etag), 507)
    assert save(client, admin, etag).status_code == 200


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file may grow beyond it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_database_that_cannot_write_is_asked_again_by_a_new_connection(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    create_text(client, admin)
    opened: Counter[str] = Counter()
    event.listen(ctx.database, "connect", lambda *_: opened.update(["connection"]))
    before = state_of(ctx)
    with files_up_to(1):
        problem(client.post("/api/v1/tokens", json={"name": "n", "scopes": ["read"]}, headers=admin), 503, "database")
    assert opened.total() <= 1
    known = opened.total()
    assert state_of(ctx) == before
    assert opened.total() == known + 1
    assert client.post("/api/v1/tokens", json={"name": "n", "scopes": ["read"]}, headers=admin).status_code == 201


def test_a_database_without_room_says_so(client: FlaskClient, admin: dict[str, str], ctx: Context) -> None:
    etag = create_text(client, admin)

    def bound(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")  # it takes the present size then

    event.listen(ctx.database, "begin", bound)
    long = {"body": "\n".join(f"Line {number} of many." for number in range(20_000))}
    problem(patch(client, admin, NAME, etag, long), 507, "storage_full")
    event.remove(ctx.database, "begin", bound)
    assert client.get(f"{ARTICLES}/{NAME}").status_code == 200
