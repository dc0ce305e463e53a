"""J17: a small disk keeps in hand for deletions what it has, also over a restart, or the operator is told that there is
nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.components import require
from tests.conftest import ROOT
from tests.faults.test_small_disk import UNSHARE


def on_a_disk(folder: Path, mebibytes: int) -> dict[str, Any]:
    mounted = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", str(folder)], check=False)
    require(mounted.returncode == 0, "a kernel that lets everybody mount (unshare)")
    command = [*UNSHARE, sys.executable, "-m", "tests.beyond.on_tiny_disk", str(folder), str(mebibytes)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("mebibytes", [40, 10])
def test_a_disk_smaller_than_the_whole_reserve_has_a_part_of_it(tmp_path: Path, mebibytes: int) -> None:
    found = on_a_disk(tmp_path, mebibytes)
    assert 8 << 20 <= found["reserve"] <= max(8, mebibytes // 2) << 20
    assert (found["article"][0], found["photo"][0]) == (204, 204)


def test_where_no_room_can_be_kept_the_notice_says_so(tmp_path: Path) -> None:
    found = on_a_disk(tmp_path, 6)
    assert found["reserve"] == 0
    assert "reserve_missing" in found["ready"]
    assert "nothing is kept in hand for deletions" in found["told"]
    assert found["photo"][:2] == [507, "storage_full"]
