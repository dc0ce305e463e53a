"""S6: with several server processes, no reader is told an older text than a read that had already ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.editing import TEXT
from tests.components import CmsServer, cms, cms_server
from tests.counted import Told
from tests.trust.reading import HIDDEN, Connection, Read, reading, went_back
from tests.trust.saving import Editor

CLIENTS, READS_A_SAVE = 4, 200
FILE = "src/content/news/en/read-often.md"
PATH = "/api/v1/articles/news/en/read-often"


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The setting for the database: SQLite in the site's folder, or PostgreSQL."""
    return {"CMS_DATABASE": request.getfixturevalue("postgres_url")} if request.param == "postgres" else {}


@pytest.fixture
def server(database: dict[str, str], light_site: Path, tmp_path: Path) -> Iterator[CmsServer]:
    (light_site / FILE).write_text(TEXT.replace("A day at the library", "Save 0"))
    with cms_server(light_site, tmp_path / "log", "--workers", "2", **database) as server:
        yield server


@pytest.fixture
def editor(server: CmsServer, database: dict[str, str]) -> Editor:
    made = cms(server.site, "token", "create", "--name", "test", "--scope", "admin", **database)
    return Editor(server.url + PATH, made.stdout.strip())


def test_no_reader_is_told_what_another_knew_to_be_past(
    server: CmsServer, editor: Editor, database: dict[str, str], counted: Told
) -> None:
    saves = 20 if database else 100
    acknowledged, reads = save_again_and_again(server, editor, saves)
    assert len(reads) >= saves * READS_A_SAVE
    assert went_back(reads) == 0
    assert went_back([*reads, *acknowledged]) == 0, "older than a save that was acknowledged"
    meanwhile = unpublish_again_and_again(server, editor, 3 if database else 14)
    assert [one for one in meanwhile if one.number != HIDDEN] == []
    counted({"saves": saves, "reads": len(reads), "reads while unpublished": len(meanwhile), "violations": 0})


def save_again_and_again(server: CmsServer, editor: Editor, times: int) -> tuple[list[Read], list[Read]]:
    """The saves, each with its number in the title, and what readers were told meanwhile."""
    acknowledged = []
    with reading(server.port, PATH, CLIENTS) as readers:
        for number in range(1, times + 1):
            readers.wait_for_more(READS_A_SAVE)
            acknowledged.append(Read(number, *editor.save({"title": f"Save {number}"})))
        readers.wait_for_more(READS_A_SAVE)
    return acknowledged, readers.reads


def unpublish_again_and_again(server: CmsServer, editor: Editor, times: int) -> list[Read]:
    """The reads that began after the article was acknowledged to be hidden, and ended before it was to be shown."""
    hidden = []
    with reading(server.port, PATH, CLIENTS) as readers:
        for _ in range(times):
            readers.wait_for_more(READS_A_SAVE)
            _, acknowledged = editor.save({"draft": True})
            readers.wait_for_more(READS_A_SAVE)
            published, _ = editor.save({"draft": None})
            hidden.append((acknowledged, published))
    found = [one for one in readers.reads for begun, ended in hidden if begun < one.began and one.ended < ended]
    assert len(found) > times * READS_A_SAVE / 2
    return found


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_another_program_has_committed_is_told_by_all_from_then_on(server: CmsServer) -> None:
    """`cms sync` is no server process, and ends before anybody asks again."""
    path = server.site / FILE
    connections = [Connection(server.port, PATH) for _ in range(8)]
    for number in range(1, 4):
        path.write_text(TEXT.replace("A day at the library", f"Save {number}"))
        assert cms(server.site, "sync").returncode == 0
        assert {connection.read().number for connection in connections} == {number}
    for connection in connections:
        connection.close()
