"""What every store promises. A new backend is one more fixture here, and no new test."""

from __future__ import annotations

import hashlib
import os
import time
import unicodedata
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cms.database.locks import FileLocks
from cms.errors import Invalid, Stale
from cms.store import open_store
from cms.store.base import ABSENT, Absent, Key, Part, Store, Version, version_of
from cms.store.s3_client import connect
from tests.components import s3_environment
from tests.servers import CEPH, S3_SERVERS, SEAWEEDFS
from tests.store.racing import race

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = Key("src/content/blog/en/first.md")
OTHER = version_of(b"something that nobody wrote")


@dataclass(frozen=True)
class Place:
    """A store, and a way around it to what lies there."""

    store: Store
    plant: Callable[[str, bytes], None]
    everything: Callable[[], dict[str, str]]


@pytest.fixture(params=["directory", *S3_SERVERS])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "directory":
        return _in_directory(tmp_path)
    url: str = request.getfixturevalue(request.param)
    for name, value in s3_environment(url).items():
        monkeypatch.setenv(name, value)
    return _in_bucket(connect())


def _in_directory(outside: Path) -> Place:
    root = outside / "a site"
    root.mkdir()
    (outside / "x").write_bytes(b"not of the site")

    def plant(key: str, data: bytes) -> None:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(data)

    def everything() -> dict[str, str]:
        return {str(p): version_of(p.read_bytes()) if p.is_file() else "folder" for p in outside.rglob("*")}

    return Place(open_store(root.as_uri()), plant, everything)


def _in_bucket(client: S3Client) -> Place:
    prefix = f"sites/{uuid.uuid4().hex}"

    def plant(key: str, data: bytes) -> None:
        client.put_object(Bucket="photos", Key=f"{prefix}/{key}", Body=data)

    def everything() -> dict[str, str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="photos")
        return {item["Key"]: item["ETag"] for page in pages for item in page.get("Contents", ())}

    return Place(open_store(f"s3://photos/{prefix}"), plant, everything)


@pytest.fixture
def store(place: Place) -> Store:
    return place.store


def keys(store: Store, prefix: str) -> list[str]:
    return sorted(stat.key for stat in store.list(prefix))


def refused_write(store: Store, key: Key, data: bytes, expect: Version | Absent) -> Stale:
    with pytest.raises(Stale) as caught:
        store.write(key, data, expect=expect)
    return caught.value


def refused_delete(store: Store, key: Key, expect: Version) -> Stale:
    with pytest.raises(Stale) as caught:
        store.delete(key, expect=expect)
    return caught.value


def test_a_new_file_is_created_where_nothing_is(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    assert store.read(KEY) == b"one"
    assert keys(store, "src") == [KEY]
    assert version == version_of(b"one")


def test_a_version_is_the_sha256_of_the_bytes_in_hex(store: Store) -> None:
    data = "title: ភាសាខ្មែរ\r\n".encode()
    assert store.write(KEY, data, expect=ABSENT) == hashlib.sha256(data).hexdigest()


def test_creating_where_something_is_tells_its_version_and_leaves_it(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    assert refused_write(store, KEY, b"two", ABSENT).current == version
    assert store.read(KEY) == b"one"


def test_creating_the_same_bytes_again_is_refused_too(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    assert refused_write(store, KEY, b"one", ABSENT).current == version


def test_an_update_from_the_current_version_replaces_the_bytes(store: Store) -> None:
    first = store.write(KEY, b"one", expect=ABSENT)
    second = store.write(KEY, b"two and more", expect=first)
    assert store.read(KEY) == b"two and more"
    assert second == version_of(b"two and more")
    assert keys(store, "src") == [KEY]


def test_an_update_from_another_version_tells_the_current_one_and_leaves_it(store: Store) -> None:
    first = store.write(KEY, b"one", expect=ABSENT)
    second = store.write(KEY, b"two", expect=first)
    assert refused_write(store, KEY, b"three", first).current == second
    assert refused_write(store, KEY, b"three", OTHER).current == second
    assert store.read(KEY) == b"two"


def test_an_update_of_what_is_not_there_is_stale_and_makes_nothing(place: Place) -> None:
    place.plant("src/content/blog/en/neighbour.md", b"near")
    before = place.everything()
    for key in (KEY, "src/content/blog/nowhere/at/all.md"):
        assert refused_write(place.store, Key(key), b"two", OTHER).current is None
    assert place.everything() == before


def test_a_delete_of_the_current_version_removes_that_file_alone(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    neighbour = Key("src/content/blog/en/second.md")
    store.write(neighbour, b"one", expect=ABSENT)
    store.delete(KEY, expect=version)
    assert store.read(KEY) is None
    assert keys(store, "src") == [neighbour]


def test_a_delete_of_another_version_tells_the_current_one_and_leaves_it(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    assert refused_delete(store, KEY, OTHER).current == version
    assert store.read(KEY) == b"one"


def test_a_delete_of_what_is_not_there_is_stale(place: Place) -> None:
    place.plant("src/content/blog/en/neighbour.md", b"near")
    for key in (KEY, "src/content/blog/nowhere/at/all.md"):
        assert refused_delete(place.store, Key(key), OTHER).current is None


def test_a_deleted_file_can_be_created_again(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    store.delete(KEY, expect=version)
    assert refused_write(store, KEY, b"two", version).current is None
    store.write(KEY, b"two", expect=ABSENT)
    assert store.read(KEY) == b"two"


def test_what_is_not_a_file_is_none(place: Place) -> None:
    place.plant("src/content/blog/en/neighbour.md", b"near")
    for key in ("src/content/blog/en/missing.md", "src/no/such/folder.md", "src/content/blog", "src"):
        assert place.store.read(Key(key)) is None, key
        assert place.store.open(Key(key)) is None, key
        assert place.store.stat(Key(key)) is None, key


def test_what_is_not_a_folder_lists_nothing(place: Place) -> None:
    place.plant("src/content/blog/en/neighbour.md", b"near")
    for prefix in ("src/content/none", "src/content/blog/en/neighbour.md", "src/content/blog/e"):
        assert keys(place.store, prefix) == [], prefix


def test_a_list_holds_each_file_below_the_folder_once(place: Place) -> None:
    wanted = [f"src/content/{folder}/{n}.md" for folder in ("blog", "blog/en", "centers/a/b/c") for n in range(4)]
    for key in [*wanted, "src/assets/photo.jpg", "src/other.md", "README.md"]:
        place.plant(key, b"x")
    assert keys(place.store, "src/content") == sorted(wanted)
    assert keys(place.store, "src/content/") == sorted(wanted)


def test_the_prefix_of_a_list_is_a_folder_and_not_the_beginning_of_a_name(place: Place) -> None:
    """AC-02."""
    for key in ("src/content/blog/a.md", "src/content-secret/blog/b.md", "src/content.md", "src/contents/c.md"):
        place.plant(key, b"x")
    assert keys(place.store, "src/content") == ["src/content/blog/a.md"]
    assert keys(place.store, "src/content/b") == []


def test_a_list_leaves_hidden_files_and_folders_out(place: Place) -> None:
    hidden = (".DS_Store", ".tmp-0a1b", ".git/config", "blog/.hidden.md", "blog/.obsidian/deep/er.md")
    for key in (*hidden, "blog/seen.md", "blog/se.en.md"):
        place.plant(f"src/content/{key}", b"x")
    assert keys(place.store, "src/content") == ["src/content/blog/se.en.md", "src/content/blog/seen.md"]


def test_a_hidden_folder_is_listed_and_read_when_asked_for_by_name(place: Place) -> None:
    place.plant(".astro/collections/blog.schema.json", b"{}")
    place.plant(".astro/collections/.hidden", b"{}")
    place.plant(".astro/types.d.ts", b"")
    assert keys(place.store, ".astro/collections/") == [".astro/collections/blog.schema.json"]
    assert place.store.read(Key(".astro/collections/blog.schema.json")) == b"{}"


def test_every_file_that_is_listed_can_be_read(place: Place) -> None:
    """SeaweedFS takes a backslash for a slash, so that there these files have names that can be read."""
    for key in ("src/content/a\\b.md", "src/content/c\\/d.md", "src/content/plain.md"):
        place.plant(key, b"x")
    listed = keys(place.store, "src/content")
    assert "src/content/plain.md" in listed
    assert [key for key in listed if "\\" in key or place.store.read(Key(key)) != b"x"] == []


NAMES = [
    "អត្ថបទ ទី១/ភ្នំពេញ.md",
    "two words  and more.md",
    unicodedata.normalize("NFD", "café/Ünïcode.md"),
    unicodedata.normalize("NFC", "នៅទីនេះ/Ça va.md"),
    "100% + #1? 'q' \"d\" & ~;=@!$()[]{}<>|*,:.md",
    "%2e%2e%2f.md",
    "a..b...md",
    "emoji 😀 \u200b zero.md",
    "UPPER.MD",
    "x" * 252 + ".md",
    "ក" * 84 + ".md",
]


def test_a_key_of_any_script_comes_back_as_it_was_given(store: Store) -> None:
    wanted = [Key(f"src/content/blog/{name}") for name in NAMES]
    versions = {key: store.write(key, key.encode(), expect=ABSENT) for key in wanted}
    assert keys(store, "src/content/blog") == sorted(wanted)
    for key, version in versions.items():
        stat = store.stat(key)
        assert stat is not None, key
        assert (stat.key, stat.size) == (key, len(key.encode()))
        assert store.read(key) == key.encode()
        store.delete(key, expect=store.write(key, b"two", expect=version))
    assert keys(store, "src/content/blog") == []


OUTSIDE = [
    "",
    "/",
    ".",
    "..",
    "../x",
    "src/../../x",
    "src/..",
    "/abs",
    "/etc/hostname",
    "a//b",
    "a/./b",
    "./a",
    "a/",
    "src/content/blog/",
    "a\0b",
    "src/a.md\0.jpg",
    "..\\x",
    "a\\b",
    "a" * 256,
    "src/" + "ក" * 86,
    "/".join(["abcdefghi"] * 101),
    "src/lone-\ud800-surrogate.md",
    "src/not-utf8-\udce9.md",
]
HIDDEN = [".env", ".git/config", ".cms/cms.db", "src/.hidden.md", "src/.tmp-1/a.md", "...", "src/..md"]


def test_what_is_no_path_below_the_site_is_refused_by_every_method(place: Place) -> None:
    """AC-05, IB-25."""
    place.plant(KEY, b"one")
    before = place.everything()
    for key in OUTSIDE:
        for attempt in (place.store.read, place.store.open, place.store.stat):
            with pytest.raises(Invalid) as caught:
                attempt(Key(key))
            assert [problem.code for problem in caught.value.problems] == ["key"], key
        _refuses_changes(place.store, key)
    assert place.everything() == before


def test_a_hidden_file_is_neither_written_nor_deleted(place: Place) -> None:
    for key in HIDDEN:
        place.plant(key, b"one")
    before = place.everything()
    for key in HIDDEN:
        _refuses_changes(place.store, key)
        assert place.store.read(Key(key)) == b"one", key
    assert place.everything() == before


def _refuses_changes(store: Store, key: str) -> None:
    for expect in (ABSENT, version_of(b"one")):
        with pytest.raises(Invalid):
            store.write(Key(key), b"two", expect=expect)
    with pytest.raises(Invalid):
        store.delete(Key(key), expect=version_of(b"one"))


def test_a_list_of_what_is_no_folder_below_the_site_is_refused(place: Place) -> None:
    place.plant(KEY, b"one")
    for prefix in ("", "/", "..", "../x", "/etc", "src/../..", "src//content", "a\0b"):
        with pytest.raises(Invalid):
            list(place.store.list(prefix))


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", bytes(range(256)) * 4, b"\xff\xfe\r\n\n\r", os.urandom(1 << 20)],
    ids=["empty", "nul", "all bytes", "line ends", "1 MiB"],
)
def test_any_bytes_come_back_as_they_were(store: Store, data: bytes) -> None:
    version = store.write(KEY, data, expect=ABSENT)
    assert version == version_of(data)
    assert store.read(KEY) == data
    stream = store.open(KEY)
    assert stream is not None
    with stream:
        assert stream.read(10) == data[:10]
        assert stream.read() == data[10:]
    assert [stat.size for stat in store.list("src")] == [len(data)]
    store.delete(KEY, expect=version)
    assert store.read(KEY) is None


def test_a_part_of_a_file_is_read_alone(store: Store) -> None:
    data = bytes(range(256)) * 4
    store.write(KEY, data, expect=ABSENT)
    for part in (Part(0, 1), Part(3, 300), Part(1000, 1024), Part(0, 1024)):
        stream = store.open(KEY, part)
        assert stream is not None
        with stream:
            assert stream.read(part.stop - part.start) == data[part.start : part.stop]
    assert store.open(Key("src/content/blog/en/none.md"), Part(0, 1)) is None


def test_the_version_is_that_of_the_bytes_whoever_wrote_them(place: Place) -> None:
    assert place.store.version(KEY) is None
    first = place.store.write(KEY, b"one", expect=ABSENT)
    assert place.store.version(KEY) == first
    place.plant(KEY, b"by another program")
    assert place.store.version(KEY) == version_of(b"by another program")
    assert refused_write(place.store, KEY, b"two", first).current == version_of(b"by another program")
    assert refused_delete(place.store, KEY, first).current == version_of(b"by another program")
    place.store.delete(KEY, expect=version_of(b"by another program"))


def test_a_stat_and_a_list_say_the_same(store: Store) -> None:
    store.write(KEY, b"one", expect=ABSENT)
    stat = store.stat(KEY)
    [listed] = store.list("src")
    assert stat is not None
    assert (stat.key, stat.size, stat.mark) == (listed.key, listed.size, listed.mark)
    assert listed.modified == pytest.approx(time.time(), abs=600)
    assert listed.changed == pytest.approx(stat.changed, abs=1)


def test_the_mark_stays_while_the_file_is_left_alone(store: Store) -> None:
    store.write(KEY, b"one", expect=ABSENT)
    first = store.stat(KEY)
    store.write(Key("src/content/blog/en/neighbour.md"), b"two", expect=ABSENT)
    store.read(KEY)
    assert store.stat(KEY) == first


def test_the_mark_differs_when_the_bytes_do(store: Store) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    seen = [store.stat(KEY)]
    for later in (b"two", b"longer than before", b""):
        version = store.write(KEY, later, expect=version)
        seen.append(store.stat(KEY))
    assert [stat.size for stat in seen if stat is not None] == [3, 3, 18, 0]
    assert len({stat.mark for stat in seen if stat is not None}) == 4


def test_of_many_that_create_one_file_under_its_lock_one_wins(store: Store, tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")

    def create(number: int) -> bytes | str | None:
        data = f"writer {number}".encode()
        try:
            with locks.hold([KEY]):
                store.write(KEY, data, expect=ABSENT)
        except Stale as error:
            return error.current
        return data

    results = race(8, create)
    [winner] = [result for result in results if isinstance(result, bytes)]
    assert store.read(KEY) == winner
    assert [result for result in results if result != winner] == [version_of(winner)] * 7


@pytest.mark.parametrize("place", ["directory", CEPH, SEAWEEDFS], indirect=True)
def test_of_many_that_create_one_file_without_a_lock_one_wins_where_conditions_are_kept(place: Place) -> None:
    def create(number: int) -> bytes | str | None:
        data = f"writer {number}".encode()
        try:
            place.store.write(KEY, data, expect=ABSENT)
        except Stale as error:
            return error.current
        return data

    results = race(8, create)
    [winner] = [result for result in results if isinstance(result, bytes)]
    assert place.store.read(KEY) == winner


@pytest.mark.parametrize("server", S3_SERVERS)
def test_what_an_object_says_of_its_version_is_believed_of_the_same_bytes_alone(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    for name, value in s3_environment(request.getfixturevalue(server)).items():
        monkeypatch.setenv(name, value)
    prefix, client = f"sites/{uuid.uuid4().hex}", connect()
    store = open_store(f"s3://photos/{prefix}")
    first = store.write(KEY, b"one", expect=ABSENT)
    there = f"{prefix}/{KEY}"
    # A mounted bucket keeps what an object says when its bytes are changed.
    told = client.head_object(Bucket="photos", Key=there)["Metadata"]
    client.put_object(Bucket="photos", Key=there, Body=b"two", Metadata=told)
    assert store.version(KEY) == version_of(b"two")
    assert refused_write(store, KEY, b"three", first).current == version_of(b"two")
    lies = {"sha256": OTHER, "md5": "d" * 32}
    client.put_object(Bucket="photos", Key=there, Body=b"two", Metadata=lies)
    assert store.version(KEY) == version_of(b"two")


@pytest.mark.parametrize("server", S3_SERVERS)
@pytest.mark.parametrize("cache_control", [None, "no-cache", "public, max-age=31536000, immutable"])
def test_who_reads_from_the_bucket_is_told_type_and_caching(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, server: str, cache_control: str | None
) -> None:
    for name, value in s3_environment(request.getfixturevalue(server)).items():
        monkeypatch.setenv(name, value)
    prefix = f"sites/{uuid.uuid4().hex}"
    store = open_store(f"s3://photos/{prefix}", cache_control=cache_control)
    types = {"a.JPG": "image/jpeg", "b.png": "image/png", "c.webp": "image/webp", "d.avif": "image/avif", "e": None}
    for name, media_type in types.items():
        key = Key(f"src/assets/{name}")
        version = store.write(key, b"one", expect=ABSENT)
        store.write(key, b"two", expect=version)
        head = connect().head_object(Bucket="photos", Key=f"{prefix}/{key}")
        assert (head["ContentType"], head.get("CacheControl")) == (
            media_type or "application/octet-stream",
            cache_control,
        )
