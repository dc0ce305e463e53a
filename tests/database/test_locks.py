"""One writer a key, whatever holds the lock: another thread, another process, another node."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cms.database.locks import SHARDS, FileLocks, Locks, PostgresLocks
from cms.errors import Stale, Unavailable
from cms.model.image import variant_key
from tests.components import free_port
from tests.database.conftest import end_all_sessions
from tests.store.racing import race

KEY = "src/content/blog/en/first.md"
OTHER = "src/content/blog/en/second.md"

HOLDER = """
import sys
from pathlib import Path
from cms.database.locks import FileLocks, PostgresLocks
locks = PostgresLocks(sys.argv[1]) if "://" in sys.argv[1] else FileLocks(Path(sys.argv[1]))
with locks.hold(sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
locks.close()
"""


@pytest.fixture(params=["files", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the locks are: a folder, or a database."""
    if request.param == "files":
        return str(tmp_path / "locks")
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def node(address: str) -> Iterator[Callable[[], Locks]]:
    """Opens the locks anew, as another node does."""
    opened: list[Locks] = []

    def open_locks() -> Locks:
        opened.append(PostgresLocks(address) if "://" in address else FileLocks(Path(address)))
        return opened[-1]

    yield open_locks
    for locks in opened:
        locks.close()


@pytest.fixture
def locks(node: Callable[[], Locks]) -> Locks:
    return node()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cms.database.locks.WAIT_S", 0.2)


@contextmanager
def held_by_another_process(address: str, *keys: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, address, *keys]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def is_free(locks: Locks, *keys: str) -> bool:
    """Whether somebody else could take them all now; the test is to be impatient."""
    try:
        with locks.hold(keys):
            return True
    except Unavailable:
        return False


@pytest.mark.parametrize("apart", [False, True], ids=["one object", "one each"])
def test_of_many_threads_one_at_a_time_holds_a_key(node: Callable[[], Locks], apart: bool) -> None:
    shared = node()
    inside: list[int] = []
    most = 0

    def work(number: int) -> None:
        nonlocal most
        mine = node() if apart else shared
        for _ in range(3):
            with mine.hold([KEY]):
                inside.append(number)
                most = max(most, len(inside))
                time.sleep(0.003)
                inside.remove(number)

    race(6, work)
    assert most == 1


@pytest.mark.usefixtures("impatient")
def test_a_key_that_another_process_holds_is_not_free(address: str, locks: Locks) -> None:
    with held_by_another_process(address, KEY) as process:
        assert not is_free(locks, KEY)
        assert not is_free(locks, OTHER, KEY)
        assert is_free(locks, OTHER)
        process.communicate()
        assert process.returncode == 0
    assert is_free(locks, KEY)


def test_a_key_is_free_when_its_holder_is_killed(address: str, locks: Locks) -> None:
    with held_by_another_process(address, KEY) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert is_free(locks, KEY)


@pytest.mark.usefixtures("impatient")
def test_names_that_some_file_system_takes_for_one_share_a_lock(node: Callable[[], Locks]) -> None:
    holding, other = node(), node()
    for one, another in {
        "blog/A.md": "blog/a.md",
        "blog/STRASSE.md": "blog/straße.md",
        unicodedata.normalize("NFC", "blog/café.md"): unicodedata.normalize("NFD", "blog/café.md"),
        unicodedata.normalize("NFD", "blog/CAFÉ.md"): unicodedata.normalize("NFC", "blog/café.md"),
        "blog/ភ្នំ\u200bពេញ.md": "blog/ភ្នំពេញ.md",
    }.items():
        assert one != another
        with holding.hold([one]):
            assert not is_free(other, another), one
        assert is_free(other, another), one


@pytest.mark.usefixtures("impatient")
def test_a_key_named_twice_and_in_two_forms_is_held_once(locks: Locks) -> None:
    with locks.hold([KEY, KEY.upper(), KEY]):
        assert not is_free(locks, KEY)
    assert is_free(locks, KEY)


@pytest.mark.usefixtures("impatient")
def test_all_of_several_keys_are_held_and_all_are_let_go(locks: Locks) -> None:
    with locks.hold([KEY, OTHER]):
        assert not is_free(locks, KEY)
        assert not is_free(locks, OTHER)
        assert is_free(locks, "src/content/blog/en/third.md")
    assert is_free(locks, KEY, OTHER)


@pytest.mark.usefixtures("impatient")
def test_no_keys_at_all_hold_nothing(locks: Locks) -> None:
    with locks.hold([]):
        assert is_free(locks, KEY)


def test_keys_named_in_any_order_never_deadlock(locks: Locks) -> None:
    keys = [f"src/content/blog/{number}.md" for number in range(4)]
    done: list[int] = []

    def work(number: int) -> None:
        for _ in range(8):
            with locks.hold(keys if number % 2 else reversed(keys)):
                done.append(number)

    race(2, work)
    assert sorted(done) == [0] * 8 + [1] * 8


def test_the_order_in_which_keys_are_taken_is_not_that_of_their_names(
    node: Callable[[], Locks], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two that name them in opposite order could wait for each other."""
    holding, waiting, third = node(), node(), node()

    def wait(keys: list[str]) -> None:
        with waiting.hold(keys):
            pass

    found = []
    for keys in ([KEY, OTHER], [OTHER, KEY]):
        with holding.hold([KEY]):
            thread = threading.Thread(target=wait, args=(keys,), daemon=True)
            thread.start()
            time.sleep(0.15)
            with monkeypatch.context() as now:
                now.setattr("cms.database.locks.WAIT_S", 0.05)
                found.append(is_free(third, OTHER))
        thread.join(60)
        assert not thread.is_alive()
    assert found[0] == found[1]


@pytest.mark.usefixtures("impatient")
def test_who_waits_too_long_is_told_to_try_again(node: Callable[[], Locks]) -> None:
    with node().hold([KEY]):
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught, node().hold([OTHER, KEY]):
            pytest.fail("held twice")
        assert time.monotonic() - began >= 0.2
    assert (caught.value.code, caught.value.retry_after_s) == ("busy", 1)


@pytest.mark.usefixtures("impatient")
def test_who_waited_in_vain_keeps_none_of_its_keys(node: Callable[[], Locks]) -> None:
    waiting, holding, third = node(), node(), node()
    keys = [f"src/content/blog/{number}.md" for number in range(5)]
    with holding.hold(keys[2:3]):
        assert not is_free(waiting, *keys)
        for key in keys[:2] + keys[3:]:
            assert is_free(third, key), key


def test_who_waits_gets_the_key_when_it_is_let_go(node: Callable[[], Locks]) -> None:
    first, second = node(), node()
    got = threading.Event()

    def wait() -> None:
        with second.hold([KEY]):
            got.set()

    thread = threading.Thread(target=wait, daemon=True)
    with first.hold([KEY]):
        thread.start()
        assert not got.wait(0.2)
    assert got.wait(60)
    thread.join(60)


@pytest.mark.usefixtures("impatient")
def test_keys_are_let_go_after_an_error_in_the_block(locks: Locks) -> None:
    with pytest.raises(ZeroDivisionError), locks.hold([KEY, OTHER]):
        raise ZeroDivisionError
    assert is_free(locks, KEY, OTHER)


def test_no_file_waits_for_variants_in_the_making(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    with locks.hold([variant_key("0" * 64, "")]):
        for number in range(10_000):  # ten for each lock file
            with locks.hold([f"src/content/blog/{number}.md"], wait_s=0):
                pass


def test_lock_files_are_never_more_than_the_shards(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    for number in range(0, 3000, 100):
        with locks.hold([f"src/content/blog/{n}.md" for n in range(number, number + 100)]):
            pass
    assert len(list((tmp_path / "locks").iterdir())) <= SHARDS


def test_locks_of_a_database_that_cannot_be_reached_are_unavailable() -> None:
    locks = PostgresLocks(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    with pytest.raises(Unavailable) as caught, locks.hold([KEY]):
        pytest.fail("held nowhere")
    assert caught.value.code == "database"
    locks.close()


def test_locks_work_again_after_the_database_was_restarted(postgres_url: str) -> None:
    locks = PostgresLocks(postgres_url)
    with locks.hold([KEY]):
        pass
    end_all_sessions(postgres_url)
    with locks.hold([KEY]):
        pass
    locks.close()


def test_a_database_that_goes_away_while_a_key_is_held_hides_nothing_of_the_block(postgres_url: str) -> None:
    locks = PostgresLocks(postgres_url)
    done = False
    with locks.hold([KEY]):
        end_all_sessions(postgres_url)
        done = True
    with pytest.raises(Stale), locks.hold([KEY]):  # noqa: PT012  what is tested is the whole block
        end_all_sessions(postgres_url)
        raise Stale("lost")
    with locks.hold([KEY]):
        assert done
    locks.close()


def test_who_holds_the_start_can_lock_every_file(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path / "locks")
    with locks.hold(["start"]), locks.hold(f"src/content/news/en/{number}.md" for number in range(20_000)):
        assert len(list((tmp_path / "locks").iterdir())) == SHARDS + 1
