"""The catalogue of abuse (AC-01 to AC-50) and of input made to hurt (IB-01 to IB-52): a test names each of its rows."""

from __future__ import annotations

import re
from pathlib import Path

from flask.testing import FlaskClient

from tests.conftest import ROOT

ROWS = {f"AC-{number:02}" for number in range(1, 51)} | {f"IB-{number:02}" for number in range(1, 53)}
MORE = re.compile(r"\b(AC|IB)-(\d\d)(?: to (?:AC|IB)-(\d\d))?")


def named(path: Path) -> set[str]:
    """The rows in the docstrings, names and comments of a test file; of `IB-01 to IB-16`, all those between."""
    text = re.sub(r"\btest_(ac|ib)_(\d\d)", lambda found: f"{found[1].upper()}-{found[2]}", path.read_text())
    return {
        f"{found[1]}-{number:02}"
        for found in MORE.finditer(text)
        for number in range(int(found[2]), int(found[3] or found[2]) + 1)
    }


def test_every_row_is_tested_somewhere() -> None:
    found = {row for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__) for row in named(path)}
    assert ROWS - found == set()
    assert found <= ROWS


def test_there_is_no_route_that_takes_an_archive(client: FlaskClient) -> None:
    """Of IB-38 nothing else is left to test: an archive is no photo, and restoring a backup is a command."""
    spec = client.get("/api/v1/openapi.json").text
    assert not re.search(r"application/(zip|x-tar|gzip|x-7z)|octet-stream", spec)
