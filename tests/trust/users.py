"""Other users of this machine, which only root can be."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.components import require
from tests.conftest import copy_site

NOBODY, EDITOR = 65534, 1234
WITHOUT_LEASES = ("setpriv", "--bounding-set", "-lease", "--inh-caps", "-lease")
"""Runs a command of root's with all capabilities but CAP_LEASE, as a container does."""


def require_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")


@contextmanager
def reachable_site(source: Path) -> Iterator[Path]:
    """A copy of the site where every user can come to, for the block."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield copy_site(source, Path(folder) / "site")


def start_as(user: int, command: Sequence[str]) -> subprocess.Popen[str]:
    """Start the command as that user, who is in no group but its own."""
    require(Path("/bin/sh").exists(), "a shell")
    return subprocess.Popen(
        command,
        user=user,
        group=user,
        extra_groups=[],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )
