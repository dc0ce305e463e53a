"""Several servers for one site, as on several machines."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3

from tests.components import CmsServer, cms, cms_server_at


@dataclass
class Nodes:
    """What every machine is told, and the servers on them, by their ports."""

    folder: Path
    environment: dict[str, str]
    token: str
    logs: Path
    running: dict[int, ExitStack] = field(default_factory=dict)
    servers: dict[int, CmsServer] = field(default_factory=dict)

    @property
    def ports(self) -> list[int]:
        return list(self.servers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def start(self, port: int, **more: str) -> None:
        """A server at the port, with these variables, too."""
        stack = ExitStack()
        log = self.logs / f"{port}-{time.monotonic_ns()}"
        environment = {**self.environment, **more}
        self.servers[port] = stack.enter_context(cms_server_at(port, self.folder, log, **environment))
        self.running[port] = stack

    def kill(self, port: int) -> None:
        os.killpg(self.servers[port].process.pid, signal.SIGKILL)
        self.running.pop(port).close()

    def end(self, port: int) -> None:
        """As an operator does; what was begun ends."""
        self.servers[port].process.terminate()
        assert self.servers[port].process.wait(60) == 0
        self.running.pop(port).close()
        del self.servers[port]

    def stop(self) -> None:
        for stack in self.running.values():
            stack.close()

    def get(self, port: int, path: str) -> urllib3.BaseHTTPResponse:
        return urllib3.request("GET", f"http://127.0.0.1:{port}/api/v1{path}", retries=False, timeout=60)

    def feed(self, port: int, prefix: str = "") -> set[tuple[str, str, str]]:
        """What it tells of the news whose ids begin so: id, version and digest."""
        lines = map(json.loads, self.get(port, "/sync?collection=news").data.splitlines())
        articles = [line for line in lines if line["type"] == "article" and line["id"].startswith(prefix)]
        return {(article["id"], article["version"], article["digest"]) for article in articles}


@contextmanager
def nodes_of(folder: Path, environment: dict[str, str], logs: Path) -> Iterator[Nodes]:
    """Machines of which none runs so far."""
    made = cms(folder, "token", "create", "--name", "test", "--scope", "admin", **environment)
    assert made.returncode == 0, made.stderr
    found = Nodes(folder, environment, made.stdout.strip(), logs)
    try:
        yield found
    finally:
        found.stop()
