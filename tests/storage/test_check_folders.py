"""`cms check --storage` says what the folders of a site can do, and leaves them as they were."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cms.database.derived import derived
from tests.components import cms
from tests.storage.checking import check, prepare


def test_a_folder_that_is_as_it_should_be(light_site: Path) -> None:
    (light_site / "src/content/.cms-check-0123").write_text("of a check that was killed")
    before = {path for path in (light_site / "src").rglob("*") if not path.name.startswith(".cms-check-")}
    found = check(light_site)
    assert (found.status, found.codes("error")) == (0, set())
    assert found.paths("folder_place") == {str(light_site / "src/content")}
    assert "files are replaced in one step" in found.details("folder_replace")
    assert set((light_site / "src").rglob("*")) == before


def test_folders_that_cannot_be_used_are_told(light_site: Path, tmp_path: Path) -> None:
    """/proc takes no new files, whoever asks."""
    found = check(light_site, CMS_MEDIA=str(tmp_path / "missing"), CMS_UPLOADS="/proc")
    assert (found.status, found.codes("error")) == (1, {"folder_missing", "folder_not_writable"})
    assert found.paths("folder_missing") == {str(tmp_path / "missing")}
    assert found.paths("folder_not_writable") == {"/proc"}
    assert not (tmp_path / "missing").exists()


def test_tables_of_another_version_are_no_error(light_site: Path) -> None:
    settings = {"CMS_SITE": str(light_site), "CMS_MEDIA_URL": "https://cdn.example"}
    prepare(settings)
    with closing(sqlite3.connect(light_site / ".cms/cms.db")) as database:
        for table in reversed(derived.sorted_tables):
            database.execute(f'DROP TABLE "{table.name}"')
    found = check(light_site, **settings)
    assert (found.status, found.codes("error")) == (0, set())
    assert "start the service" in found.details("public_photo")


def test_an_origin_that_cannot_be_tried_is_refused(light_site: Path) -> None:
    for options in (("--origin", "https://desk.example"), ("--storage", "--origin", "desk.example")):
        refused = cms(light_site, "check", *options)
        assert refused.returncode == 2
        assert "--origin" in refused.stderr
