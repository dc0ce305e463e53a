"""Why a folder or a file of the database cannot be used is told by commands with its path; outages are logged once."""

from __future__ import annotations

import logging
import resource
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from cms.api import problems
from cms.cli import main
from cms.outages import AGAIN_S, Cause, Outages
from tests.conftest import copy_site


@pytest.fixture
def folder(light_sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CMS_SITE", str(copy_site(light_sample, tmp_path / "site")))
    return tmp_path


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    return result.output


def test_a_command_names_the_path_and_what_the_system_says(folder: Path) -> None:
    told = refused("backup", f"{folder}/nowhere/site.zip")
    assert f"{folder}/nowhere/" in told
    assert "ENOENT (No such file or directory)" in told
    own = folder / "site/.cms"
    own.rename(folder / "moved")
    own.write_text("in the way")
    assert f"{own}: EEXIST (File exists)" in refused("sync")
    assert own.read_text() == "in the way"


def test_a_command_names_the_database_and_what_sqlite_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder / "damaged.db"
    path.write_bytes(b"no database" * 1000)
    monkeypatch.setenv("CMS_DATABASE", f"sqlite:///{path}")
    assert f"SQLite {path}: SQLITE_NOTADB. Stop the service; `cms restore FILE`" in refused("sync")
    path.unlink()
    path.mkdir()
    assert f"SQLite {path}: SQLITE_CANTOPEN. Give the service's user the right" in refused("sync")


def test_an_outage_is_one_line_however_often_it_is_met(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    known = Outages()
    whole = Cause("S3 at http://a, bucket b", "Connection refused (ECONNREFUSED)", "Start it.", is_whole=True)
    partial = Cause("S3 at http://a, bucket b", "PutObject is answered with AccessDenied (403)", "Allow it.")
    for _ in range(1000):
        known.note(whole, "storage")
        known.note(partial, "storage")
        known.answered("S3 at http://a, bucket c")
    assert [record.getMessage() for record in caplog.records] == [str(whole), str(partial)]
    known.answered(whole.place)
    assert caplog.records[-1].getMessage().startswith(f"over: {whole.place}: {whole.said} (1000 failures since ")
    current = known.current(whole.place)
    assert current is not None
    assert current.cause == partial, "a read does not say that writes are let"
    for _ in range(1000):  # it comes and goes
        known.note(whole, "storage")
        known.answered(whole.place)
    assert len(caplog.records) == 3
    assert known.current("S3 at http://a, bucket") is None
    known.answered(whole.place, is_sure=True)
    assert not known.are_any()


def test_an_outage_that_temporary_files_meet_is_one_line(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Each has another name."""
    app = Flask(__name__)
    problems.register(app)

    @app.get("/")
    def make() -> str:
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            return tempfile.mkstemp(dir=tmp_path)[1]
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    client = app.test_client()
    answers = [client.get("/") for _ in range(20)]
    assert {answer.status_code for answer in answers} == {503}
    assert not [answer for answer in answers if str(tmp_path) in answer.text]
    told = f"{tmp_path}: EMFILE (Too many open files). Raise the limit of open files (ulimit -n)."
    assert [record.getMessage() for record in caplog.records] == [told]


def test_outages_that_are_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    known, real = Outages(), time.monotonic
    for number in range(100):
        known.note(Cause(f"/folder-{number}", "EACCES (Permission denied)", "Give the right."), "storage")
    monkeypatch.setattr(time, "monotonic", lambda: real() + AGAIN_S + 1)
    known.answered("/elsewhere")
    known.note(Cause("/folder", "EACCES (Permission denied)", "Give the right."), "storage")
    assert (len(known._outages), len(known._logged)) == (1, 1)
