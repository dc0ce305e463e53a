"""A git remote by ssh whose connections stay open, and are answered only when the test says so."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

_SSH = """#!/bin/sh
for command; do :; done
: > "$0.asked.$$"
while [ ! -e "$0.released" ]; do sleep 0.05; done
exec sh -c "$command"
"""


@dataclass(frozen=True)
class HeldRemote:
    """`folder` has nothing in it but what this writes."""

    folder: Path

    @property
    def _ssh(self) -> Path:
        return self.folder / "ssh"  # by its name git knows which options it takes

    def hold(self) -> None:
        """Let no connection be answered from now on."""
        self.folder.mkdir(exist_ok=True)
        self._ssh.write_text(_SSH)
        self._ssh.chmod(0o700)
        (self.folder / "ssh.released").unlink(missing_ok=True)

    def release(self) -> None:
        """Answer all connections."""
        (self.folder / "ssh.released").touch()

    def asked(self) -> int:
        """Return how many connections there were."""
        return len(list(self.folder.glob("ssh.asked.*")))

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "GIT_SSH_COMMAND": shlex.quote(str(self._ssh))}


def url_of(repository: Path) -> str:
    return f"ssh://editors.invalid{repository}"
