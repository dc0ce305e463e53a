"""What is the bucket's own: prefixes, pages, and a server that does not answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.config import Config

from cms.errors import Unavailable
from cms.store import open_store
from cms.store.base import ABSENT, Key, Store, version_of
from cms.store.s3_client import PORTABLE
from tests.components import free_port, s3_environment, s3_server

KEY = Key("src/content/blog/first.md")


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A bucket `photos` whose folder the test can reach, and the server's URL."""
    folder = tmp_path_factory.mktemp("s3-own") / "buckets"
    (folder / "photos").mkdir(parents=True)
    with s3_server(folder) as url:
        yield folder / "photos", url


@pytest.fixture
def photos(bucket: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    _use(monkeypatch, bucket[1])
    return bucket[0]


def _use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in s3_environment(url).items():
        monkeypatch.setenv(name, value)


def _assert_unavailable(store: Store) -> None:
    def listed() -> object:
        return list(store.list("src"))

    def written() -> object:
        return store.write(KEY, b"one", expect=ABSENT)

    def deleted() -> None:
        store.delete(KEY, expect=version_of(b"one"))

    for attempt in (
        lambda: store.read(KEY),
        lambda: store.open(KEY),
        lambda: store.stat(KEY),
        listed,
        written,
        deleted,
    ):
        with pytest.raises(Unavailable) as caught:
            attempt()
        assert caught.value.code == "storage"
        assert caught.value.__cause__ is not None


def test_a_list_holds_more_files_than_fit_one_page(photos: Path) -> None:
    folder = photos / "many/src/content/blog"
    folder.mkdir(parents=True)
    for number in range(1105):
        (folder / f"{number}.md").write_bytes(b"x")
    found = [stat.key for stat in open_store("s3://photos/many").list("src/content")]
    assert sorted(found) == sorted(f"src/content/blog/{number}.md" for number in range(1105))


@pytest.mark.parametrize("url", ["s3://photos/site", "s3://photos//site//"])
def test_a_prefix_is_a_folder_of_the_bucket_and_not_the_beginning_of_a_name(photos: Path, url: str) -> None:
    """AC-02, AC-05."""
    (photos / "site-of-others/src/content/blog").mkdir(parents=True, exist_ok=True)
    (photos / "site-of-others" / KEY).write_bytes(b"theirs")
    store = open_store(url)
    name = Key(f"src/{uuid.uuid4().hex}.md")
    version = store.write(name, b"ours", expect=ABSENT)
    assert (photos / "site" / name).read_bytes() == b"ours"
    assert [stat.key for stat in store.list("src")] == [name]
    assert store.read(KEY) is None
    store.delete(name, expect=version)
    assert not (photos / "site" / name).exists()
    assert (photos / "site-of-others" / KEY).read_bytes() == b"theirs"


def test_a_site_may_be_the_whole_bucket(photos: Path) -> None:
    store = open_store("s3://photos")
    store.write(Key("src/whole/a.md"), b"one", expect=ABSENT)
    assert (photos / "src/whole/a.md").read_bytes() == b"one"
    assert [stat.key for stat in store.list("src/whole")] == ["src/whole/a.md"]


def test_a_server_that_cannot_be_reached_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, f"http://127.0.0.1:{free_port()}")
    # One attempt a call: what is tested is the error, and not the pauses before it.
    once = PORTABLE.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
    monkeypatch.setattr("cms.store.s3_client.PORTABLE", once)
    _assert_unavailable(open_store("s3://photos/site"))


@pytest.mark.usefixtures("photos")
def test_a_bucket_that_is_not_there_is_unavailable_and_not_an_empty_site() -> None:
    store = open_store("s3://no-such-bucket/site")
    with pytest.raises(Unavailable):
        list(store.list("src"))
    with pytest.raises(Unavailable):
        store.write(KEY, b"one", expect=ABSENT)


@pytest.mark.usefixtures("photos")
def test_a_wrong_secret_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
    _assert_unavailable(open_store("s3://photos/site"))
