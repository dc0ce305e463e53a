"""The heartbeats of worker processes, by which every process of the service can tell whether background work is done.

A heartbeat is one line of JSON about the steps of a worker. On one machine it is a file, since SQLite would have all
processes forget the answers they keep, with each write; with PostgreSQL it is a row.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine, delete, insert, or_, select

from cms.clock import age_s
from cms.database import clock
from cms.database.engine import read, write_aside
from cms.database.tables import heartbeats
from cms.errors import of_system

_TEMPORARY = ".tmp"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The last heartbeat of one worker process, `age_s` ago."""

    age_s: float
    steps: str


class Heartbeats(Protocol):
    """All methods raise `Unavailable` when the database, or the disk, does not answer."""

    def put(self, process: str, steps: str) -> None:
        """Record a heartbeat of the process, in place of its last one."""
        ...

    def all_of(self) -> list[Heartbeat]: ...

    def forget(self, older_s: float) -> None:
        """Remove the heartbeats that are older than this: their processes have ended."""
        ...


class FileHeartbeats:
    """One file for each process, in a folder that the processes of one machine share. Its time is the heartbeat's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, process: str, steps: str) -> None:
        path = self._folder / process
        temporary = path.with_suffix(_TEMPORARY)
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            temporary.touch(mode=0o600)
            temporary.write_text(steps)
            temporary.replace(path)
        except OSError as error:
            self._touch(path, error)

    def _touch(self, path: Path, error: OSError) -> None:
        """On a full disk the process is alive all the same."""
        try:
            os.utime(path)
        except OSError:
            raise of_system(error, "The folder of heartbeats", self._folder) from error

    def all_of(self) -> list[Heartbeat]:
        found = []
        for path in self._files():
            try:
                beaten, steps = path.stat().st_mtime, path.read_text(errors="replace")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise of_system(error, "The folder of heartbeats", self._folder) from error
            found.append(Heartbeat(age_s(beaten), steps))
        return found

    def forget(self, older_s: float) -> None:
        for path in self._files(with_temporary=True):
            try:
                if age_s(path.stat().st_mtime) > older_s:
                    path.unlink()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise of_system(error, "The folder of heartbeats", self._folder) from error

    def _files(self, *, with_temporary: bool = False) -> list[Path]:
        try:
            return [path for path in self._folder.iterdir() if with_temporary or path.suffix != _TEMPORARY]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise of_system(error, "The folder of heartbeats", self._folder) from error


class TableHeartbeats:
    """One row for each process of any node; ages are by the database's clock."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def put(self, process: str, steps: str) -> None:
        with write_aside(self._engine) as tx:
            tx.execute(delete(heartbeats).where(heartbeats.c.process == process))
            tx.execute(insert(heartbeats).values(process=process, time=clock.now(tx), steps=steps))

    def all_of(self) -> list[Heartbeat]:
        with read(self._engine) as tx:
            now = clock.now(tx)
            return [Heartbeat(abs(now - row.time), row.steps) for row in tx.execute(select(heartbeats))]

    def forget(self, older_s: float) -> None:
        with write_aside(self._engine) as tx:
            now = clock.now(tx)
            is_old = or_(heartbeats.c.time < now - older_s, heartbeats.c.time > now + older_s)
            tx.execute(delete(heartbeats).where(is_old))


def of(engine: Engine, folder: Path | None) -> Heartbeats:
    """Return where heartbeats are kept; `folder` is the service's own, on one machine."""
    if folder is None or engine.dialect.name == "postgresql":
        return TableHeartbeats(engine)
    return FileHeartbeats(folder / "workers")
