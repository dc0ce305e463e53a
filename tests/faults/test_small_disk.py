"""On a real disk that is full, and on one that is read-only."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.components import require
from tests.conftest import ROOT

UNSHARE = ["unshare", "--user", "--map-root-user", "--mount"]


def test_a_full_disk_and_a_read_only_one(tmp_path: Path) -> None:
    disk, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
    disk.mkdir()
    elsewhere.mkdir()
    mounted = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", str(disk)], check=False)
    require(mounted.returncode == 0, "a kernel that lets everybody mount (unshare)")
    command = [*UNSHARE, sys.executable, "-m", "tests.faults.on_small_disk", str(disk), str(elsewhere)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    full, read_only = (json.loads(done.stdout)[name] for name in ("full", "read-only"))
    refused = [507, "storage_full", True]
    assert (full["save"], full["create"], full["upload"]) == (refused, refused, refused)
    assert full["read"] == [200, None, False]
    assert full["ready"] == ["storage_full"]
    assert [status for status, *_ in full["delete by others"]] == [401, 403]
    assert full["reserve"], "who may delete nothing leaves what is kept in hand for deletions"
    assert (full["delete article"][0], full["delete photo"][0], full["gone"]) == (204, 204, [404, 404])
    assert full["trash"] == 1, "the photo can be restored"
    assert full["temporary"] == []
    assert (full["save with room"][0], full["ready with room"]) == (200, [])
    assert f"{disk}/site: ENOSPC (No space left on device). Make room" in full["told"]
    assert f"{disk}/site" in read_only["told"]
    assert "EROFS (Read-only file system). Mount its file system for writing" in read_only["told"]
    refused = [503, "storage_read_only", True]
    assert (read_only["save"], read_only["delete"]) == (refused, refused)
    assert read_only["read"] == [200, None, False]
    assert read_only["save again"][0] == 200
