"""A hand edit in the very middle of a save, at each of its system calls: it stays; the save is told, or came first."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from cms.errors import Stale, Unavailable
from cms.store import swap
from cms.store.base import ABSENT, Key, version_of
from cms.store.directory import DirectoryStore
from tests.api.editing import create_text, patch
from tests.conftest import reconcile, site_of
from tests.faults.outsiders import OUTSIDERS, Outsider, check_out, save_by_rename, save_in_place, strange_files
from tests.faults.steps import watched

KEY = Key("src/content/news/post.md")
OLD, OURS, THEIRS, LATER = b"what was there\n", b"what we save\n", b"a hand edit\n", b"another hand edit\n"
Act = Callable[[DirectoryStore], object]


def create(store: DirectoryStore) -> None:
    store.write(KEY, OURS, expect=ABSENT)


def update(store: DirectoryStore) -> None:
    store.write(KEY, OURS, expect=version_of(OLD))


def delete(store: DirectoryStore) -> None:
    store.delete(KEY, expect=version_of(OLD))


@dataclass
class Interruption:
    """What happens before the steps of these numbers; `met` has the steps by name, and `seen` what was there."""

    plans: dict[int, Callable[[], object]]
    met: list[str] = field(default_factory=list)

    def __call__(self, name: str) -> None:
        number = len(self.met)
        self.met.append(name)
        if number in self.plans:
            self.plans[number]()

    @property
    def is_over(self) -> bool:
        """Whether one of the steps never came."""
        return max(self.plans) >= len(self.met)


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    (tmp_path / KEY).parent.mkdir(parents=True)
    return DirectoryStore(tmp_path)


def attempt(store: DirectoryStore, act: Act, interruption: Interruption) -> bool:
    """Whether it was done, from the old file on."""
    path = store.root / KEY
    for left in path.parent.iterdir():
        left.unlink()
    if act is not create:
        path.write_bytes(OLD)
    with watched(interruption, looks=True):
        try:
            act(store)
        except Stale:
            return False
    return True


def kept(path: Path) -> set[bytes]:
    return {file.read_bytes() for file in path.parent.glob(f"{path.name}.kept-*")}


@pytest.mark.parametrize("outsider", OUTSIDERS.values(), ids=OUTSIDERS)
@pytest.mark.parametrize("act", [create, update, delete])
def test_a_hand_edit_at_any_step_stays(store: DirectoryStore, act: Act, outsider: Outsider) -> None:
    path = store.root / KEY
    done = refused = 0
    for number in itertools.count():
        interruption = Interruption({number: lambda: outsider(path, THEIRS)})
        is_done = attempt(store, act, interruption)
        if interruption.is_over:
            break
        assert path.read_bytes() == THEIRS, f"step {number} of {interruption.met}"
        assert strange_files(path.parent, path.name) == []
        done, refused = done + is_done, refused + (not is_done)
    assert number > 10
    assert refused > 5, "most steps are before the save"
    assert done > 0, "some are after it"


@pytest.mark.parametrize("act", [create, update, delete])
def test_a_deletion_by_hand_at_any_step_stays(store: DirectoryStore, act: Act) -> None:
    path = store.root / KEY
    for number in itertools.count():
        interruption = Interruption({number: lambda: path.unlink(missing_ok=True)})
        attempt(store, act, interruption)
        if interruption.is_over:
            break
        is_too_early = act is create and "link" not in interruption.met[:number]
        assert path.exists() == is_too_early, f"step {number} of {interruption.met}"
        assert strange_files(path.parent, path.name) == []
    assert number > 10


@pytest.mark.parametrize("act", [update, delete])
def test_a_program_that_has_the_file_open_may_still_write_it(store: DirectoryStore, act: Act) -> None:
    """It opened the file before the save, and writes it when that has lost its name."""
    path = store.root / KEY
    steps = Interruption({})
    attempt(store, act, steps)
    for first, second in itertools.combinations(range(len(steps.met)), 2):
        program = InPlace(path)
        attempt(store, act, Interruption({first: program.open, second: program.write}))
        if program.has_opened:
            program.write()
            assert path.read_bytes().startswith(THEIRS), f"opened at {first}, written at {second} of {steps.met}"
        assert strange_files(path.parent, path.name) == []


@dataclass
class InPlace:
    """A program that opens the file, if it is there, and writes it later."""

    path: Path
    has_opened: bool = False
    _descriptor: int = -1

    def open(self) -> None:
        with suppress(FileNotFoundError):
            self._descriptor = os.open(self.path, os.O_WRONLY)
            self.has_opened = True

    def write(self) -> None:
        if self._descriptor >= 0:
            os.write(self._descriptor, THEIRS)
            os.close(self._descriptor)
            self._descriptor = -1


def test_a_file_that_stays_open_elsewhere_is_not_overwritten(store: DirectoryStore) -> None:
    path = store.root / KEY
    path.write_bytes(OLD)
    before = strange_files(path.parent)
    with path.open("r+b") as stream:
        for act in (update, delete):
            with pytest.raises(Unavailable) as caught:
                act(store)
            assert caught.value.code == "busy"
            assert path.read_bytes() == OLD
            assert strange_files(path.parent) == before
        stream.write(THEIRS)
    assert path.read_bytes().startswith(THEIRS)
    path.write_bytes(OLD)
    update(store)
    assert path.read_bytes() == OURS


@pytest.mark.parametrize("outsider", [save_in_place, save_by_rename, check_out])
@pytest.mark.parametrize("act", [update, delete])
def test_of_two_hand_edits_the_later_stays_and_the_earlier_is_not_lost_by_us(
    store: DirectoryStore, act: Act, outsider: Outsider
) -> None:
    path = store.root / KEY
    steps = Interruption({})
    attempt(store, act, steps)
    beside = 0
    for first, second in itertools.combinations(range(len(steps.met) + 6), 2):
        hidden: list[bytes] = []

        def edit_again(hidden: list[bytes] = hidden) -> None:
            if not path.exists() or path.read_bytes() != THEIRS:
                hidden.append(THEIRS)  # by us: who edits again does not see it
            outsider(path, LATER)

        interruption = Interruption({first: lambda: outsider(path, THEIRS), second: edit_again})
        attempt(store, act, interruption)
        if interruption.is_over:
            continue
        assert path.read_bytes() == LATER, f"steps {first} and {second} of {interruption.met}"
        assert set(hidden) <= kept(path)
        assert strange_files(path.parent, path.name) == []
        beside += len(hidden)
    assert beside > 0, "the case that the files beside are for never came"


def test_without_exchange_what_is_written_in_one_last_moment_is_lost_and_nothing_else(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Network file systems cannot exchange names; the README says so."""

    def lacking(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(swap, "exchange", lacking)
    path, lost = store.root / KEY, []
    for number in itertools.count():
        interruption = Interruption({number: lambda: save_by_rename(path, THEIRS)})
        attempt(store, update, interruption)
        if interruption.is_over:
            break
        if path.read_bytes() != THEIRS:
            lost.append(interruption.met[number])
        assert strange_files(path.parent, path.name) == []
    assert len(lost) <= 6
    assert lost[-1] == "rename"
    assert path.read_bytes() == OURS


def test_a_hand_edit_at_any_step_of_a_request_becomes_a_revision(
    client: FlaskClient, admin: dict[str, str], ctx: Context
) -> None:
    """Saved by PATCH, by the front door: the answer is 412, or the edit came before it or after it."""
    name = "news/en/a-day"
    create_text(client, admin, name)
    path = site_of(ctx) / f"src/content/{name}.md"
    text, statuses = path.read_bytes(), set()
    for number in itertools.count():
        path.write_bytes(text)
        reconcile(ctx)
        etag = client.get(f"/api/v1/articles/{name}").headers["ETag"]
        theirs = text + f"A hand edit at step {number}.\n".encode()
        interruption = Interruption({number: lambda theirs=theirs: save_by_rename(path, theirs)})  # type: ignore[misc]
        with watched(interruption, looks=True):
            status = patch(client, admin, name, etag, {"data": {"title": f"Title {number}"}}).status_code
        if interruption.is_over:
            break
        statuses.add(status)
        assert path.read_bytes() == theirs, f"step {number} of {interruption.met}"
        reconcile(ctx)
        assert client.get(f"/api/v1/articles/{name}").get_json()["body"].endswith(f"at step {number}.\n")
    assert statuses == {200, 412}
    assert strange_files(path.parent, *(file.name for file in path.parent.glob("*.md"))) == []


def test_a_save_costs_two_flushes_and_one_commit(client: FlaskClient, admin: dict[str, str]) -> None:
    """Of the file and its folder, as a save that compares nothing would."""
    etag = create_text(client, admin, "news/en/a-day")
    steps = Interruption({})
    with watched(steps):
        assert patch(client, admin, "news/en/a-day", etag, {"data": {"title": "Costs"}}).status_code == 200
    assert [name for name in steps.met if name in ("fsync", "commit")] == ["fsync", "fsync", "commit"]
