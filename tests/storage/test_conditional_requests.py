"""What a bucket's store makes of each answer to a request with a condition, and of answers that do not come."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cms.errors import Stale, Unavailable
from cms.store.base import ABSENT, Key, version_of
from cms.store.s3 import S3Store
from cms.store.s3_client import AT_ONCE, connect
from cms.store.s3_conditions import ATTEMPTS, FIRST_S
from cms.store.s3_probes import Capabilities, probe_conditions
from tests.api.editing import problem
from tests.storage.journey import check_agreement
from tests.storage.manners import Manner, Provider, provider
from tests.storage.test_provider_manners import at_work

KEY = Key("src/content/news/a.md")
Opened = Callable[[Manner], tuple[S3Store, Provider, Path]]


@pytest.fixture
def opened(s3_url: str, bucket_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Gives a store in a bucket of a provider with the manner, the provider, and the file behind `KEY`."""
    with ExitStack() as running:

        def open_with(manner: Manner) -> tuple[S3Store, Provider, Path]:
            server, prefix = running.enter_context(provider(s3_url, bucket_folder, manner)), uuid.uuid4().hex
            monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
            return S3Store("photos", prefix), server, bucket_folder / "photos" / prefix / KEY

        yield open_with


def test_a_request_whose_answer_was_lost_finds_its_own_work(opened: Opened) -> None:
    store, server, file = opened(Manner())
    server.loses = 1
    first = store.write(KEY, b"one", expect=ABSENT)
    assert (store.was_repeated(KEY), file.read_bytes()) == (True, b"one")
    server.loses = 1
    second = store.write(KEY, b"two", expect=first)
    assert (store.was_repeated(KEY), file.read_bytes()) == (True, b"two")
    server.loses = 1
    store.delete(KEY, expect=second)
    assert (store.was_repeated(KEY), file.exists()) == (True, False)
    assert server.loses == 0


def test_a_request_whose_answer_was_lost_may_meet_a_conflict_next(opened: Opened) -> None:
    """As on a server that is still busy with the first when the second comes."""
    store, server, file = opened(Manner())
    server.loses = server.conflicts_after_losses = 1
    version = store.write(KEY, b"one", expect=ABSENT)
    assert (store.was_repeated(KEY), file.read_bytes()) == (True, b"one")
    server.loses = server.conflicts_after_losses = 1
    store.delete(KEY, expect=version)
    assert (store.was_repeated(KEY), file.exists()) == (True, False)
    assert [status for method, status in server.answers if method != "HEAD"] == [200, 409, 412, 204, 409, 404]


def test_a_refusal_that_is_met_later_is_remembered(opened: Opened) -> None:
    store, server, file = opened(Manner())
    version = store.write(KEY, b"0", expect=ABSENT)
    server.manner = Manner("refused", "refused", "refused")
    for number in range(1, 4):
        version = store.write(KEY, str(number).encode(), expect=version)
        assert file.read_bytes() == str(number).encode()
        with pytest.raises(Stale):
            store.write(KEY, b"other", expect=version_of(b"other's"))
    store.delete(KEY, expect=version)
    store.write(KEY, b"again", expect=ABSENT)
    # Both forms of the ETag to replace, both to delete, and one condition to create.
    assert [method for method, status in server.answers if status == 501] == ["PUT", "PUT", "DELETE", "DELETE", "PUT"]


def test_one_odd_refusal_is_soon_forgotten(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a proxy makes that is just started anew."""
    store, server, file = opened(Manner())
    one = store.write(KEY, b"one", expect=ABSENT)
    server.manner = Manner(replace="refused")
    two = store.write(KEY, b"two", expect=one)
    server.manner, real = Manner(), time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + FIRST_S)

    def act(path: str) -> bool:
        file.write_bytes(b"theirs")
        return True

    server.at_a_write, server.written = act, False
    with pytest.raises(Stale):
        store.write(KEY, b"three", expect=two)
    assert file.read_bytes() == b"theirs"


@pytest.mark.parametrize("theirs", [b"theirs", None], ids=["replaced", "removed"])
def test_what_others_replace_or_remove_just_now_is_stale(opened: Opened, theirs: bytes | None) -> None:
    store, server, file = opened(Manner())
    one, found = version_of(b"one"), None if theirs is None else version_of(theirs)

    def act(path: str) -> bool:
        file.unlink() if theirs is None else file.write_bytes(theirs)
        return True

    for ours in (lambda: store.write(KEY, b"two", expect=one), lambda: store.delete(KEY, expect=one)):
        store.write(KEY, b"one", expect=store.version(KEY) or ABSENT)
        server.at_a_write, server.written = act, False
        with pytest.raises(Stale) as caught:
            ours()
        assert (caught.value.current, store.version(KEY)) == (found, found)


def test_a_conflict_without_an_end_is_told_and_changes_nothing(
    s3_url: str, bucket_folder: Path, tmp_path: Path
) -> None:
    with at_work(s3_url, bucket_folder, tmp_path.name, Manner()) as (editor, server):
        server.manner = Manner(conflicts=1000)
        found = problem(editor.create("made"), 503, "storage")
        assert "under way" in found["detail"]
        assert server.answers.count(("PUT", 409)) == ATTEMPTS
        problem(editor.replace("first", "Changed"), 503, "storage")
        problem(editor.delete("second"), 503, "storage")
        check_agreement(editor)
        server.manner = Manner()
        assert editor.create("made").status_code == 201
        check_agreement(editor)


@pytest.mark.parametrize(
    ("manner", "expected"),
    [
        (Manner(wants="quoted"), Capabilities("kept", "kept", "kept")),
        (Manner("refused", "refused", "refused"), Capabilities("refused", "refused", "refused")),
        (Manner("racy", "racy", "racy"), Capabilities("racy", "racy", "racy")),
    ],
)
def test_a_probe_tells_what_the_server_does(opened: Opened, manner: Manner, expected: Capabilities) -> None:
    opened(manner)
    assert probe_conditions(connect(), "photos", f"{uuid.uuid4().hex}/") == expected


def test_only_large_bodies_wait_until_they_are_asked_for(opened: Opened, tmp_path: Path) -> None:
    """Servers that do not ask cost a second each time; and those that refuse a large one get none of it."""
    store, server, file = opened(Manner())
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"")
    large.write_bytes(bytes(AT_ONCE + 1))
    version = store.write(KEY, b"text", expect=ABSENT)
    version = store.write(KEY, small, expect=version)
    assert (server.expecting, file.read_bytes()) == ([], b"")
    server.manner = Manner("refused", "refused", "refused")
    store.write(KEY, large, expect=version)
    assert (server.expecting, file.stat().st_size) == ([AT_ONCE + 1] * 3, AT_ONCE + 1)


def test_nothing_is_written_that_cannot_be_guarded_by_what_the_server_says(opened: Opened) -> None:
    store, server, file = opened(Manner(demands=True))
    server.manner = Manner("refused", "refused", "refused", demands=True)
    with pytest.raises(Unavailable):
        store.write(KEY, b"one", expect=ABSENT)
    assert not file.exists()
