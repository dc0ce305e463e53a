"""Which servers keep the conditions of a PUT is found out; where they do, nobody is overwritten who knows no locks."""

from __future__ import annotations

import uuid
from dataclasses import astuple
from functools import partial

import pytest

from cms.errors import Stale
from cms.store import open_store
from cms.store.base import ABSENT, Key, Version
from cms.store.s3 import S3Store
from cms.store.s3_client import connect
from cms.store.s3_probes import RACERS, Capabilities, probe_conditions
from tests.components import s3_environment
from tests.servers import CEPH, SEAWEEDFS, SWIFT
from tests.store.racing import race

KEY = Key("src/content/news/en/raced.md")
ROUNDS, WRITERS = 5, 16


@pytest.fixture
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_environment(request.getfixturevalue(request.param)).items():
        monkeypatch.setenv(name, value)
    return f"s3://photos/{uuid.uuid4().hex}"


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        pytest.param("s3_url", Capabilities("ignored", "ignored", "ignored"), id="rclone"),
        pytest.param("ceph_url", Capabilities("kept", "kept", "ignored"), marks=CEPH.marks, id="ceph"),
        pytest.param("swift_url", Capabilities("racy", "refused", "racy"), marks=SWIFT.marks, id="swift"),
        pytest.param("seaweedfs_url", Capabilities("kept", "kept", "kept"), marks=SEAWEEDFS.marks, id="seaweedfs"),
    ],
    indirect=["place"],
)
def test_what_a_server_does_with_conditions_is_found_out(place: str, expected: Capabilities) -> None:
    found = probe_conditions(connect(), "photos", "probes/")
    # A server that is racy may be lucky in all rounds.
    for shown, meant in zip(astuple(found), astuple(expected), strict=True):
        assert shown == meant or (shown, meant) == ("kept", "racy")
    store = open_store(place)
    version = store.write(KEY, b"one", expect=ABSENT)
    version = store.write(KEY, b"two", expect=version)
    with pytest.raises(Stale):
        store.write(KEY, b"three", expect=ABSENT)
    assert store.version(KEY) == version
    (stat,) = store.list("src")
    assert (stat.key, store.is_of(stat, b"two"), store.is_of(stat, b"one")) == (KEY, True, False)


@pytest.mark.parametrize("place", [pytest.param("ceph_url", marks=CEPH.marks)], indirect=True)
@pytest.mark.usefixtures("place")
def test_no_two_who_race_put_the_same_bytes() -> None:
    client, bucket, put = connect(), uuid.uuid4().hex, list[bytes]()

    def note(params: dict[str, bytes], **_: object) -> None:
        put.append(params["Body"])

    client.create_bucket(Bucket=bucket)
    client.meta.events.register("provide-client-params.s3.PutObject", note)
    assert probe_conditions(client, bucket, "probes/").replace == "kept"
    # The same bytes would have the same tag, and let a second one win.
    assert len(set(put)) == len(put) > 2 * RACERS
    assert "Contents" not in client.list_objects_v2(Bucket=bucket)


def attempt(stores: list[S3Store], version: Version, number: int, racer: int) -> bytes | None:
    data = f"{number} {racer}".encode()
    try:
        stores[racer].write(KEY, data, expect=version)
    except Stale:
        return None
    return data


@pytest.mark.parametrize("place", [pytest.param("ceph_url", marks=CEPH.marks)], indirect=True)
def test_of_many_who_hold_no_lock_one_wins(place: str) -> None:
    stores = [S3Store("photos", place.rpartition("/")[2]) for _ in range(WRITERS)]
    version = stores[0].write(KEY, b"0", expect=ABSENT)
    for number in range(ROUNDS):
        won = [data for data in race(WRITERS, partial(attempt, stores, version, number)) if data is not None]
        assert len(won) == 1
        assert stores[0].read(KEY) == won[0]
        found = stores[0].version(KEY)
        assert found is not None
        version = found
