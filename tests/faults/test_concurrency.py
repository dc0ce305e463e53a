"""Many clients at once: of those that save from one version one wins, and nobody ever sees an article go back.

`CMS_TEST_FAULTS=all` runs 32 writers for 50 rounds, and 16 client processes for 200 requests each.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.api.editing import MERGE_PATCH, TEXT
from tests.components import CmsServer, cms, cms_server
from tests.counted import Told
from tests.faults.clients import Client, Save, Seen, act
from tests.faults.ledger import check_chains, check_order
from tests.store.racing import race

ALL = os.environ.get("CMS_TEST_FAULTS") == "all"
WRITERS, ROUNDS = (32, 50) if ALL else (12, 6)
CLIENTS, REQUESTS = (16, 200) if ALL else (6, 30)
ARTICLES = 3
FOLDER = "src/content/news/en"
FORKS = multiprocessing.get_context("forkserver")


@pytest.fixture
def server(site: Path, tmp_path: Path) -> Iterator[CmsServer]:
    for number in range(ARTICLES):
        (site / FOLDER / f"wanted-{number}.md").write_text(TEXT)
    with cms_server(site, tmp_path / "log", "--workers", "2", CMS_MAX_WRITES_PER_SECOND="100000") as server:
        yield server


@pytest.fixture
def headers(site: Path) -> dict[str, str]:
    token = cms(site, "token", "create", "--name", "test", "--scope", "admin").stdout.strip()
    return {"Authorization": f"Bearer {token}", "Content-Type": MERGE_PATCH}


def test_of_all_that_save_from_one_version_one_wins_each_round(
    server: CmsServer, site: Path, headers: dict[str, str], counted: Told
) -> None:
    """AC-37."""
    url = f"{server.url}/api/v1/articles/news/en/wanted-0"
    clients = [Client(headers) for _ in range(WRITERS)]
    version, saves = clients[0].version(url), []
    for turn in range(ROUNDS):
        expect = version
        told = race(WRITERS, lambda n: clients[n].save(url, expect, f"Round {turn}, by {n}"), 120)  # noqa: B023
        statuses = Counter(status for status, _ in told)
        assert statuses == {200: 1, 412: WRITERS - 1}, f"round {turn}"
        (version,) = {version for _, version in told}
        saves.append(Save("news/en/wanted-0", expect, version))
    check_chains(site, saves)
    counted({"writers": WRITERS, "rounds": ROUNDS, "rounds without just one winner": 0})


def test_a_recorded_history_of_many_processes_is_linearisable(
    server: CmsServer, site: Path, headers: dict[str, str], counted: Told
) -> None:
    with ProcessPoolExecutor(CLIENTS, FORKS) as pool:
        url = f"{server.url}/api/v1/articles"
        found = [pool.submit(act, url, headers, number, ARTICLES, REQUESTS) for number in range(CLIENTS)]
        seen = [one for future in found for one in future.result()[0]]
        saves = [one for future in found for one in future.result()[1]]
    check_order(check_chains(site, saves), seen)
    assert len(saves) > CLIENTS
    counted({"processes": CLIENTS, "reads and saves": len(seen), "saves": len(saves), "violations": 0})


def test_the_check_of_histories_sees_what_it_is_for() -> None:
    chains = {"a": ["one", "two", "three"]}
    write, later = Seen("a", "two", 1, 2, is_write=True), Seen("a", "three", 3, 4, is_write=True)
    check_order(chains, [write, Seen("a", "one", 1.5, 2.5, is_write=False), later])
    for wrong in (
        Seen("a", "one", 2.5, 3, is_write=False),  # older than what was acknowledged before
        Seen("a", "three", 0, 1, is_write=False),  # seen before it was asked for
    ):
        with pytest.raises(AssertionError, match="came after"):
            check_order(chains, [write, wrong, later])
