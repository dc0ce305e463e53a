"""A remote behind a password: the server is given it, and nobody else sees it, not by looking at what runs either."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.actions.test_git_pull import OPENING, log_of
from tests.forge import Desk, desk, exchange
from tests.loopback import answering

SECRET = "hunter2 @secret/%"
IN_URL = "hunter2%20%40secret%2F%25"


class Forge(ThreadingHTTPServer):
    """Git's own server of repositories, for the user `robot` with the password `SECRET`; notes who else was running
    while it was asked, by their command lines, and what it was told without being asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.running: set[str] = set()
        self.served: list[str] = []
        self.moved_to: str | None = None
        self.told: list[str | None] = []


class _Handler(BaseHTTPRequestHandler):
    server: Forge

    def do_GET(self) -> None:
        self.server.running |= command_lines()
        self.server.told.append(self.headers["Authorization"])
        right = "Basic " + base64.b64encode(f"robot:{SECRET}".encode()).decode()
        if self.server.moved_to is not None:
            self._answer(302, {"Location": self.server.moved_to + self.path}, b"")
        elif self.headers["Authorization"] != right:
            self._answer(401, {"WWW-Authenticate": 'Basic realm="git"'}, b"")
        else:
            self._serve()

    def do_POST(self) -> None:
        self.do_GET()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(self.server.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_USER": "robot",
            "CONTENT_TYPE": self.headers["Content-Type"] or "", "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "", "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, check=True)
        head, _, sent = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.server.served.append(f"{self.command} {path}")
        self._answer(int(headers.pop("Status", "200").split()[0]), headers, sent)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """The test reads what was served, not a log."""


def command_lines() -> set[str]:
    """Of all that is running on this machine, as anybody may read them."""
    found = set()
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


@contextmanager
def behind_password(folder: Path) -> Iterator[tuple[Desk, Forge]]:
    forge = Forge(folder)
    with answering(forge) as url:
        remote = url.replace("://", f"://robot:{IN_URL}@") + "/remote.git"
        with desk(folder, "push", git_remote=remote) as at:
            yield at, forge


def test_a_password_in_the_url_reaches_the_server_and_no_command_line(tmp_path: Path) -> None:
    with behind_password(tmp_path) as (at, forge):
        at.developer.push({OPENING: at.developer.read(OPENING) + "\nDara.\n"})
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        assert at.notices() == {}
        at.developer.git("pull", "-q", "--ff-only")
        assert "By the editor" in at.developer.read(OPENING)
        assert ("Front Desk", "Update news/en/opening-day: title") in log_of(at.developer)
        assert {"POST /remote.git/git-upload-pack", "POST /remote.git/git-receive-pack"} <= set(forge.served)
        seen = "\n".join(forge.running)
        assert "/remote.git" in seen, "git's own helper has the URL on its command line"
        assert SECRET not in seen
        assert IN_URL not in seen


def test_another_server_to_which_it_leads_is_not_told_the_password(tmp_path: Path) -> None:
    other = Forge(tmp_path)
    with answering(other) as url, behind_password(tmp_path) as (at, forge):
        forge.moved_to = url.replace("127.0.0.1", "localhost")
        at.save("news/en/opening-day", {"data": {"title": "By the editor"}})
        exchange(at)
        assert "git_remote" in at.notices()
        assert other.told
        assert set(other.told) == {None}
        assert SECRET not in at.notices()["git_remote"]


@pytest.mark.parametrize("password", ["a%0Ab", "a%0Ahost=evil.example"])
def test_a_password_with_a_line_end_is_refused(tmp_path: Path, password: str) -> None:
    with desk(tmp_path, "push", git_remote=f"http://robot:{password}@127.0.0.1:1/x.git") as at:
        at.save("news/en/opening-day", {"data": {"title": "T"}})
        exchange(at)
        assert "line end" in at.notices()["git_remote"]
        assert password not in at.notices()["git_remote"]
