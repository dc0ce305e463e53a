"""Serves a site from a small disk of its own and fills it up; prints what was answered, also after a restart.

Runs where it may mount (`unshare`): `python -m tests.beyond.on_tiny_disk <folder to mount on> <MiB>`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cms.actions import reserve
from tests.api.editing import ARTICLES
from tests.beyond import backups
from tests.conftest import bearer, close, make_client
from tests.faults.on_small_disk import delete, details, fill, ready, told


def main(folder: str, size: str) -> None:
    disk = Path(folder)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m", "none", folder], check=True)
    (disk / "tmp").mkdir()
    os.environ["TMPDIR"] = str(disk / "tmp")
    site = backups.make_site(disk / "site")
    ctx = backups.open_site(site)
    headers = bearer(ctx, "admin")
    reserve.keep(ctx)
    file = site / ".cms/reserve"
    found: dict[str, object] = {"reserve": file.stat().st_size if file.exists() else 0}
    fill(disk)
    if found["reserve"]:  # without one, SQLite opens nothing on a full disk
        close(ctx)
        ctx = backups.open_site(site)
    client = make_client(ctx)
    found["ready"] = ready(client)
    found["told"] = details(client, headers) if found["ready"] == ["reserve_missing"] else ""
    found["article"] = told(delete(client, headers, f"{ARTICLES}/news/en/plain"))
    found["photo"] = told(delete(client, headers, f"{backups.IMAGES}/news/restored.png"))
    close(ctx)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
