"""A version and the next one run side by side while editors save, and either may go on alone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy import inspect

from cms.database.derived import FORMAT
from cms.database.engine import open_engine
from tests.components import free_port
from tests.conftest import ROOT, SITES, buckets, copy_site, eventually
from tests.counted import Told
from tests.faults.ledger import check_chains
from tests.faults.test_kills import Clients, put_articles
from tests.nodes import Nodes, nodes_of

WRITERS, ENOUGH = 2, 6

STEP = """
def _tomorrow(tx: Connection) -> None:
    tx.execute(text("ALTER TABLE changes ADD COLUMN tomorrow TEXT"))
    tx.execute(text("ALTER TABLE webhooks ADD COLUMN tomorrow TEXT"))


STEPS: tuple"""


@pytest.fixture(scope="module")
def tomorrow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next version, which has one migration more, and makes other derived tables."""
    folder = tmp_path_factory.mktemp("tomorrow")
    shutil.copytree(ROOT / "cms", folder / "cms", ignore=shutil.ignore_patterns("__pycache__"))
    replace(folder / "cms/database/migrations.py", "\nSTEPS: tuple", STEP)
    replace(folder / "cms/database/migrations.py", ",\n)\n", ",\n    _tomorrow,\n)\n")
    replace(folder / "cms/database/derived.py", f"FORMAT = {FORMAT}\n", f"FORMAT = {FORMAT + 1}\n")
    return folder


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


@pytest.fixture(params=["folder", "bucket"])
def nodes(request: pytest.FixtureRequest, light_sample: Path, tmp_path: Path) -> Iterator[Nodes]:
    environment = {"CMS_SCAN_S": "1"}
    if request.param == "folder":
        folder = copy_site(light_sample, tmp_path / "site")
        environment["CMS_DATABASE"] = f"sqlite:///{folder}/.cms/cms.db"
    else:
        request.getfixturevalue("s3_url")
        folder = copy_site(light_sample, buckets() / SITES / tmp_path.name)
        environment |= {
            "CMS_SITE": f"s3://{SITES}/{tmp_path.name}",
            "CMS_DATABASE": request.getfixturevalue("postgres_url"),
        }
    put_articles(folder)
    with nodes_of(folder, environment, tmp_path) as found:
        yield found


def load(nodes: Nodes, port: int, first: int) -> AbstractContextManager[Clients]:
    """Writers and a reader of that server, for the block."""
    clients = Clients(f"http://127.0.0.1:{port}", nodes.headers)
    return clients.at_work(range(first, first + WRITERS), 1)


def let_save(*all_clients: Clients) -> None:
    for clients in all_clients:
        before = len(clients.saves)
        assert eventually(lambda clients=clients, before=before: len(clients.saves) >= before + ENOUGH)


def test_two_versions_run_side_by_side(nodes: Nodes, tomorrow: Path, counted: Told) -> None:
    old, new = free_port(), free_port()
    nodes.start(old)
    with load(nodes, old, 0) as to_old:
        let_save(to_old)
        nodes.start(new, PYTHONPATH=str(tomorrow))
        with load(nodes, new, WRITERS) as to_new:
            let_save(to_old, to_new)
            let_save(to_old, to_new)
    assert eventually(lambda: nodes.feed(old) == nodes.feed(new)), nodes.feed(old) ^ nodes.feed(new)
    nodes.end(old)
    with load(nodes, new, 2 * WRITERS) as alone:
        let_save(alone)
    nodes.end(new)
    nodes.start(old)
    with load(nodes, old, 3 * WRITERS) as again:
        let_save(again)
    clients = [to_old, to_new, alone, again]
    saves = [save for one in clients for save in one.saves]
    check_chains(nodes.folder, saves, nodes.environment["CMS_DATABASE"])
    answers = {status for one in clients for status in one.answers}
    counted({"saves": len(saves), "answers": sorted(map(str, answers))})
    assert answers <= {200, 412, 503}  # who waits for a lock too long is told to try again
    assert [one.torn for one in clients] == [[]] * len(clients)
    engine = open_engine(nodes.environment["CMS_DATABASE"])
    assert {"tomorrow", "purged_at"} <= {column["name"] for column in inspect(engine).get_columns("changes")}
    assert {f"articles_{FORMAT}", f"articles_{FORMAT + 1}"} <= set(inspect(engine).get_table_names())
    engine.dispose()
