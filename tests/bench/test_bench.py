"""The benches work, on small sites; how fast we are is told by `python -m tests.bench`, and by no test."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.__main__ import NAMES
from tests.components import program, require
from tests.conftest import ROOT


@pytest.mark.parametrize("name", NAMES)
def test_it_measures_both_sides(name: str, tmp_path: Path) -> None:
    require(program("nginx") or Path("/usr/sbin/nginx").exists(), "nginx (nginx-light)")
    require(program("wrk"), "wrk")
    results, picture = tmp_path / "rows.json", tmp_path / "plot.svg"
    command = [sys.executable, "-m", "tests.bench", name, "--small", "--json", str(results), "--plot", str(picture)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    rows = json.loads(results.read_text())["rows"]
    assert rows
    for row in rows:
        assert row["work"] in done.stdout
        assert row["ours"] >= 0
        assert not math.isinf(row["ratio"])
    assert picture.read_text().startswith("<svg ")
    compared = [sys.executable, "-m", "tests.bench", "--compare", str(results), str(results)]
    shown = subprocess.run(compared, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout
    assert len(shown.splitlines()) == len(rows)
