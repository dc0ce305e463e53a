"""Writes a site's backup: one tar archive of the kept tables and the content, as they were at one moment.

`manifest.json` comes last and has the SHA-256 of every other file; `about.json` says how to read them; `tables/` are
lines of JSON; `site/`, `media/` and `private/` are files by their keys. What lies in a bucket stays there.
"""

from __future__ import annotations

import json
import os
import secrets
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from cms.actions import scratch
from cms.actions.backup_files import at_moment, marks, opened
from cms.actions.reconcile import Progress, Reconciler
from cms.actions.start import settle
from cms.clock import machine_time
from cms.context import Context
from cms.database import changes, clock, dump
from cms.database.engine import read
from cms.database.migrations import STEPS
from cms.errors import Exists, Stale
from cms.store.base import version_of

FORMAT = 1
MANIFEST = "manifest.json"
ABOUT = "about.json"
_OWNER_ONLY = 0o600  # it has the webhooks' secrets


def backup(ctx: Context, target: Path, progress: Progress | None = None) -> int:
    """Write the archive, all or nothing, and return how many files are in it. `Exists` when `target` does; `NotFound`
    when a file of the moment is nowhere any more."""
    if target.exists():
        raise Exists(f"{target} is there already; give another name.")
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    settle(Reconciler(ctx))  # what was edited by hand stands in the log from now on
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "wb") as stream:
            with tarfile.open(fileobj=stream, mode="w") as tar, scratch.folder() as folder:
                writer = _Writer(tar, folder / "file")
                _write_all(ctx, writer, folder, progress)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.rename(target)
        _flush_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
    return len(writer.digests)


@dataclass(slots=True)
class _Writer:
    tar: tarfile.TarFile
    scratch: Path
    digests: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, file: Path) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = file.stat().st_size, _OWNER_ONLY, int(machine_time())
        with file.open("rb") as stream:
            self.tar.addfile(info, stream)
        self.digests[name] = version_of(file)

    def add_bytes(self, name: str, data: bytes) -> None:
        self.scratch.write_bytes(data)
        self.add(name, self.scratch)


def _write_all(ctx: Context, writer: _Writer, folder: Path, progress: Progress | None) -> None:
    before = marks(ctx)
    with read(ctx.database) as tx:
        epoch, seq = changes.position(tx)
        files, moment = at_moment(ctx, tx, before), clock.now(tx)
        for name in dump.NAMES:
            with (folder / name).open("w") as out:
                out.writelines(dump.lines(tx, name))
    about = {"format": FORMAT, "step": len(STEPS), "epoch": epoch, "seq": seq, "time": moment}
    writer.add_bytes(ABOUT, json.dumps(about).encode())
    for name in dump.NAMES:
        writer.add(f"tables/{name}.ndjson", folder / name)
    for done, file in enumerate(files, start=1):
        with opened(ctx, file) as path:
            if path is not None:
                writer.add(file.name, path)
        if progress is not None:
            progress(done, len(files))
    if lacking := [file.key for file in files if file.digest and writer.digests.get(file.name) != file.digest]:
        raise Stale(f"{lacking[0]} changed while it was written; make the backup again.", current=None)
    writer.add_bytes(MANIFEST, json.dumps(writer.digests).encode())


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
