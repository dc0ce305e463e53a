"""What the tests of trust share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.trust.photo_world import Snapshot, World, photo_world


@pytest.fixture(scope="session")
def first_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Snapshot]]:
    """A small site with a photo in each state, made once by each process."""
    with photo_world(tmp_path_factory.mktemp("photos")) as found:
        snapshot = Snapshot(found)
        yield found, snapshot
        snapshot.close()


@pytest.fixture
def world(first_world: tuple[World, Snapshot]) -> Iterator[World]:
    """The site, which is as it was after the test."""
    found, snapshot = first_world
    yield found
    snapshot.restore()
