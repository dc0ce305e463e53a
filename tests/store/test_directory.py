"""What is the directory's own: links, pipes, odd names, temporary files, races between processes."""

from __future__ import annotations

import os
import resource
import threading
import time
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from cms.database.locks import FileLocks
from cms.errors import CmsError, Stale, Unavailable
from cms.store import open_store
from cms.store.base import ABSENT, Absent, Key, Stat, Version, version_of
from cms.store.directory import GIT_LOCK_BELIEVED_S, DirectoryStore
from tests.store.racing import race

T = TypeVar("T")
Outcome = bytes | Stale

KEY = Key("src/content/blog/first.md")
SECRET = b"not of the site"


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / "site/src/content/blog").mkdir(parents=True)
    return DirectoryStore(tmp_path / "site")


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the site, with a file of its own."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.md").write_bytes(SECRET)
    return folder


def within(seconds: float, act: Callable[[], T]) -> T:
    """What `act` returns; a failure, and no hanging test, when it takes longer."""
    return race(1, lambda _number: act(), seconds)[0]


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def keys(store: DirectoryStore, prefix: str = "src") -> list[str]:
    return sorted(stat.key for stat in store.list(prefix))


def assert_untouchable(store: DirectoryStore, key: Key) -> None:
    """Neither read nor written nor deleted, whatever the caller believes to be there."""
    assert store.read(key) is None
    assert store.open(key) is None
    assert store.stat(key) is None
    for expect in (ABSENT, version_of(SECRET)):
        with pytest.raises(CmsError):
            store.write(key, b"mine", expect=expect)
    with pytest.raises(Stale):
        store.delete(key, expect=version_of(SECRET))


def test_a_link_to_a_file_outside_is_not_there(store: DirectoryStore, outside: Path) -> None:
    """AC-03."""
    link = store.root / "src/content/blog/link.md"
    link.symlink_to(outside / "secret.md")
    assert_untouchable(store, Key("src/content/blog/link.md"))
    assert keys(store) == []
    assert link.is_symlink()
    assert (outside / "secret.md").read_bytes() == SECRET


def test_a_link_to_a_file_inside_is_not_there_either(store: DirectoryStore) -> None:
    store.write(KEY, SECRET, expect=ABSENT)
    (store.root / "src/content/blog/link.md").symlink_to("first.md")
    assert_untouchable(store, Key("src/content/blog/link.md"))
    assert keys(store) == [KEY]
    assert store.read(KEY) == SECRET


def test_a_link_to_a_file_of_the_system_is_not_there(store: DirectoryStore) -> None:
    (store.root / "src/content/blog/link.md").symlink_to("/etc/hostname")
    assert store.read(Key("src/content/blog/link.md")) is None
    assert store.stat(Key("src/content/blog/link.md")) is None
    assert keys(store) == []


def test_nothing_is_reached_through_a_link_to_a_folder(store: DirectoryStore, outside: Path) -> None:
    """AC-03."""
    (store.root / "src/content/linked").symlink_to(outside)
    (outside / "deep").mkdir()
    (outside / "deep/secret.md").write_bytes(SECRET)
    before = names(outside)
    for name in ("secret.md", "new.md", "deep/secret.md", "deep/new.md", "new/new.md"):
        assert_untouchable(store, Key(f"src/content/linked/{name}"))
    assert keys(store) == []
    assert names(outside) == before
    assert (outside / "secret.md").read_bytes() == SECRET


@pytest.mark.parametrize("prefix", ["src/content/linked", "src/content/linked/", "src/content/linked/deep"])
def test_a_list_does_not_begin_in_a_linked_folder(store: DirectoryStore, outside: Path, prefix: str) -> None:
    (outside / "deep").mkdir()
    (outside / "deep/secret.md").write_bytes(SECRET)
    (store.root / "src/content/linked").symlink_to(outside)
    assert keys(store, prefix) == []


@pytest.mark.parametrize("target", ["link.md", "nowhere.md", "../blog"], ids=["itself", "nowhere", "its folder"])
def test_a_link_that_leads_nowhere_or_in_circles_is_not_there(store: DirectoryStore, target: str) -> None:
    """AC-03."""
    store.write(KEY, b"one", expect=ABSENT)
    (store.root / "src/content/blog/link.md").symlink_to(target)
    assert_untouchable(store, Key("src/content/blog/link.md"))
    assert_untouchable(store, Key("src/content/blog/link.md/first.md"))
    assert keys(store) == [KEY]
    assert names(store.root / "src/content/blog") == ["first.md", "link.md"]


def test_the_root_itself_may_be_a_link(tmp_path: Path, store: DirectoryStore) -> None:
    (tmp_path / "linked-site").symlink_to(store.root)
    linked = open_store((tmp_path / "linked-site").as_uri())
    linked.write(KEY, b"one", expect=ABSENT)
    assert store.read(KEY) == b"one"
    assert [stat.key for stat in linked.list("src")] == [KEY]


def test_a_named_pipe_is_no_file_and_nobody_waits_for_it(store: DirectoryStore) -> None:
    """AC-03."""
    os.mkfifo(store.root / KEY)
    within(5, lambda: assert_untouchable(store, KEY))
    within(5, lambda: assert_untouchable(store, Key(f"{KEY}/below.md")))
    assert within(5, lambda: keys(store)) == []


def test_a_folder_is_no_file(store: DirectoryStore) -> None:
    (store.root / KEY).mkdir()
    assert_untouchable(store, KEY)
    assert keys(store) == []


def test_a_name_that_is_not_utf8_is_left_out(store: DirectoryStore) -> None:
    """IB-51."""
    store.write(KEY, b"one", expect=ABSENT)
    folder = os.fsencode(store.root) + b"/src/content/"
    (store.root / "src/content/blog/second.md").write_bytes(b"two")
    for name in (b"caf\xe9.md", b"blog/caf\xe9.md", b"caf\xe9/third.md"):
        os.makedirs(os.path.dirname(folder + name), exist_ok=True)  # noqa: PTH103, PTH120  pathlib has no bytes
        with open(folder + name, "wb") as file:  # noqa: PTH123
            file.write(b"x")
    assert keys(store) == [KEY, "src/content/blog/second.md"]


def test_unicode_forms_of_a_name_are_two_files(store: DirectoryStore) -> None:
    composed, decomposed = (Key("src/" + unicodedata.normalize(form, "é.md")) for form in ("NFC", "NFD"))
    store.write(composed, b"composed", expect=ABSENT)
    store.write(decomposed, b"decomposed", expect=ABSENT)
    assert store.read(composed) == b"composed"
    assert keys(store) == sorted([composed, decomposed])


def test_a_missing_root_has_no_files_and_is_not_made_by_looking(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "unmounted")
    assert keys(store) == []
    assert store.read(KEY) is None
    with pytest.raises(Unavailable):
        store.write(KEY, b"one", expect=ABSENT)
    assert names(tmp_path) == []


def test_no_temporary_file_is_left_after_success_or_refusal(store: DirectoryStore) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    for expect in (ABSENT, version_of(b"other")):
        with pytest.raises(Stale):
            store.write(KEY, b"two", expect=expect)
    version = store.write(KEY, b"two", expect=version)
    assert names(store.root) == ["src", "src/content", "src/content/blog", KEY]
    store.delete(KEY, expect=version)
    assert names(store.root) == ["src", "src/content", "src/content/blog"]


def test_a_file_where_a_folder_is_expected_fails_and_leaves_nothing(store: DirectoryStore) -> None:
    store.write(KEY, b"one", expect=ABSENT)
    before = names(store.root)
    for key in (f"{KEY}/below.md", f"{KEY}/deep/below.md"):
        with pytest.raises(Unavailable) as caught:
            store.write(Key(key), b"two", expect=ABSENT)
        assert caught.value.code == "storage"
        with pytest.raises(Stale):
            store.delete(Key(key), expect=version_of(b"one"))
    assert names(store.root) == before
    assert store.read(KEY) == b"one"


def test_a_disk_that_fills_up_leaves_the_old_bytes_and_no_other(store: DirectoryStore) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    before = names(store.root)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    new = Key("src/content/blog/second.md")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(Unavailable):
            store.write(KEY, b"x" * 1_000_000, expect=version)
        with pytest.raises(Unavailable):
            store.write(new, b"x" * 1_000_000, expect=ABSENT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(store.root) == before
    assert store.read(KEY) == b"one"


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o664, 0o755])
def test_an_update_keeps_the_mode_of_the_file(store: DirectoryStore, permissions: int) -> None:
    version = store.write(KEY, b"one", expect=ABSENT)
    (store.root / KEY).chmod(permissions)
    store.write(KEY, b"two", expect=version)
    assert (store.root / KEY).stat().st_mode & 0o7777 == permissions


def test_a_new_file_has_the_mode_that_the_umask_gives(store: DirectoryStore) -> None:
    before = os.umask(0o027)
    try:
        store.write(KEY, b"one", expect=ABSENT)
    finally:
        os.umask(before)
    assert (store.root / KEY).stat().st_mode & 0o7777 == 0o640


def test_of_sixteen_that_create_one_file_one_wins_without_any_lock(store: DirectoryStore) -> None:
    for number in range(5):
        key = Key(f"src/content/new/{number}/deep/race.md")
        won, lost = outcomes(race(16, partial(attempt_write, store, key, ABSENT)))
        [winner] = won
        assert store.read(key) == winner
        assert lost == [version_of(winner)] * 15
    assert not [name for name in names(store.root) if ".tmp-" in name]


def test_of_many_that_update_from_one_version_under_the_lock_one_wins_each_round(
    store: DirectoryStore, tmp_path: Path
) -> None:
    locks = FileLocks(tmp_path / "locks")
    version = store.write(KEY, b"before", expect=ABSENT)

    def update(expect: Version, writer: int) -> Outcome:
        with locks.hold([KEY]):
            return attempt_write(store, KEY, expect, writer)

    for _ in range(6):
        won, lost = outcomes(race(8, partial(update, version)))
        [winner] = won
        version = version_of(winner)
        assert store.read(KEY) == winner
        assert lost == [version] * 7


def attempt_write(store: DirectoryStore, key: Key, expect: Version | Absent, writer: int) -> Outcome:
    """The bytes that were written, or the error."""
    data = f"writer {writer} after {expect}".encode() * 1000
    try:
        store.write(key, data, expect=expect)
    except Stale as error:
        return error
    return data


def outcomes(found: list[Outcome]) -> tuple[list[bytes], list[str | None]]:
    """What the winners wrote, and what the losers were told to be there."""
    won = [outcome for outcome in found if isinstance(outcome, bytes)]
    return won, [outcome.current for outcome in found if isinstance(outcome, Stale)]


def test_a_reader_sees_only_whole_versions(store: DirectoryStore) -> None:
    versions = [b"a" * 300_000, b"b" * 500_000, b""]
    version = store.write(KEY, versions[0], expect=ABSENT)
    seen: list[bytes | None] = []
    stopped = threading.Event()

    def read_on() -> None:
        while not stopped.is_set():
            seen.append(store.read(KEY))

    reader = threading.Thread(target=read_on, daemon=True)
    reader.start()
    try:
        for number in range(60):
            version = store.write(KEY, versions[(number + 1) % 3], expect=version)
    finally:
        stopped.set()
        reader.join(60)
    assert len(seen) > 10
    assert len(set(seen)) > 1
    assert set(seen) <= set(versions)


def test_a_stream_that_is_open_stays_at_its_version(store: DirectoryStore) -> None:
    version = store.write(KEY, b"one " * 100_000, expect=ABSENT)
    stream = store.open(KEY)
    assert stream is not None
    with stream:
        assert stream.read(4) == b"one "
        store.delete(KEY, expect=store.write(KEY, b"two", expect=version))
        assert stream.read() == b"one " * 99_999


def test_a_list_survives_files_and_folders_that_vanish_meanwhile(store: DirectoryStore) -> None:
    """IB-51."""
    for folder in ("a", "b", "c"):
        for number in range(3):
            store.write(Key(f"src/content/{folder}/{number}.md"), b"x", expect=ABSENT)
    found: list[Stat] = []
    for stat in store.list("src/content"):
        found.append(stat)
        for path in sorted((store.root / "src/content").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    assert 1 <= len(found) <= 3


def test_a_site_outside_git_is_settled(store: DirectoryStore) -> None:
    assert store.is_settled()


@pytest.mark.parametrize("where", ["site", "."], ids=["in the site", "above the site"])
def test_a_site_is_not_settled_while_git_holds_its_lock(store: DirectoryStore, tmp_path: Path, where: str) -> None:
    git = tmp_path / where / ".git"
    git.mkdir()
    assert store.is_settled()
    (git / "index.lock").touch()
    assert not store.is_settled()
    (git / "index.lock").unlink()
    assert store.is_settled()


def test_the_lock_of_a_git_that_died_is_not_believed_for_ever(store: DirectoryStore) -> None:
    lock = store.root / ".git/index.lock"
    lock.parent.mkdir()
    lock.touch()
    almost, past = time.time() - GIT_LOCK_BELIEVED_S + 60, time.time() - GIT_LOCK_BELIEVED_S - 60
    os.utime(lock, (almost, almost))
    assert not store.is_settled()
    os.utime(lock, (past, past))
    assert store.is_settled()


def test_the_mark_differs_after_a_hand_edit_that_keeps_size_and_time(store: DirectoryStore) -> None:
    store.write(KEY, b"one", expect=ABSENT)
    first = store.stat(KEY)
    assert first is not None
    time.sleep(0.02)
    (store.root / KEY).write_bytes(b"two")
    os.utime(store.root / KEY, (first.modified, first.modified))
    second = store.stat(KEY)
    assert second is not None
    assert second.mark != first.mark
    assert second.changed > first.changed
