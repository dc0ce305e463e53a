"""A whole day of the service, watched from outside: whom it calls, and what it writes into its log.

Every connection of every process is told by strace; the log is read at DEBUG, that of all libraries too.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from PIL import Image

from tests.components import SECRET as S3_SECRET
from tests.components import cms, ending, free_port, program, require, s3_environment, settings_environment, wait_for
from tests.conftest import eventually
from tests.forge import share
from tests.loopback import answering
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.xdist_group("day")  # one process has the day, and all that is asked of it

HTTP = urllib3.PoolManager(retries=False)
GIT_PASSWORD = "the-password-of-the-forge"
HOOK_SECRET = "the-secret-of-the-forges-hook"
DEBUG = "import logging\nlogging.root.setLevel = lambda _: logging.Logger.setLevel(logging.root, logging.DEBUG)\n"
PATCH = "application/merge-patch+json"
NEWS = "/articles/news/en/opening-day"


@dataclass(frozen=True)
class Day:
    """What was seen of it: the log, each address that was connected to, those that were configured, each secret."""

    log: str
    calls: set[tuple[str, int]]
    configured: dict[str, tuple[str, int]]
    secrets: dict[str, str]


class _Forge(BaseHTTPRequestHandler):
    """Has nothing for anybody, and repeats what it was sent."""

    def do_GET(self) -> None:
        self.send_response(401 if "Authorization" not in self.headers else 403)
        self.send_header("WWW-Authenticate", 'Basic realm="forge"')
        self.end_headers()
        self.wfile.write(f"No: {self.path} {self.headers.get('Authorization')}".encode())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody reads it."""


@pytest.fixture(scope="module")
def day(light_sample: Path, tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[Day]:
    require(shutil.which("strace"), "strace")
    folder = tmp_path_factory.mktemp("day")
    _, site, _ = share(light_sample, folder, "")
    (folder / "sitecustomize.py").write_text(DEBUG)
    with receiving() as receiver, answering(ThreadingHTTPServer(("127.0.0.1", 0), _Forge)) as forge:
        settings = {
            **s3_environment(s3_url),
            "CMS_MEDIA": "s3://photos/day",
            "CMS_GIT": "push",
            "CMS_GIT_REMOTE": forge.replace("://", f"://editor:{GIT_PASSWORD}@") + "/site.git",
            "CMS_GIT_HOOK_SECRET": HOOK_SECRET,
            "CMS_WEBHOOKS_ALLOW_PRIVATE": "true",
            "PYTHONPATH": str(folder),
        }
        token = cms(site.folder, "token", "create", "--name", "Desk", "--scope", "admin", **settings).stdout.strip()
        with _watched_server(site.folder, folder, settings) as url:
            secrets = Editor(url, token).work(receiver, forge, HOOK_SECRET)
        yield Day(
            (folder / "log").read_text(),
            _calls((folder / "calls").read_text()),
            {name: _address(at) for name, at in (("s3", s3_url), ("webhook", receiver.url), ("git", forge))},
            {**secrets, "token": token.split("_", 2)[2], "git": GIT_PASSWORD, "hook": HOOK_SECRET, "s3": S3_SECRET},
        )


@contextmanager
def _watched_server(site: Path, folder: Path, settings: dict[str, str]) -> Iterator[str]:
    port = free_port()
    # With -D strace is not the parent: the server is, and ends as it always does.
    watch = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=connect,sendto,sendmsg",
        "-o",
        f"{folder}/calls",
    ]
    command = [*watch, str(program("cms")), "serve", "--port", str(port), "--workers", "2"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=settings_environment(site, **settings), stdout=log, stderr=log)
        with ending(process):
            wait_for(f"http://127.0.0.1:{port}/healthz", process)
            yield f"http://127.0.0.1:{port}"


@dataclass(frozen=True)
class Editor:
    """Does what there is to do, well and badly."""

    url: str
    token: str

    def ask(self, method: str, path: str, wanted: int, body: Any = None, **headers: str) -> Any:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = {} if body is None else {"Content-Type": "application/json"}
        sent = {"Authorization": f"Bearer {self.token}", **kind, **{n.replace("_", "-"): v for n, v in headers.items()}}
        where = path if path.startswith("/hooks") else f"/api/v1{path}"
        answer = HTTP.request(method, self.url + where, body=data, headers=sent)
        assert answer.status == wanted, (method, path, answer.data)
        return answer

    def work(self, receiver: Receiver, forge: str, hook_secret: str) -> dict[str, str]:
        """The whole day; returns the secrets that it was told."""
        hook = {"url": receiver.url, "quiet_s": 0, "max_wait_s": 1}
        made = self.ask("POST", "/webhooks", 201, hook).json()
        built = {**hook, "target": "netlify", "url": f"{forge}/build_hooks/only-netlify-knows"}
        self.ask("POST", "/webhooks", 201, built)
        pipeline = {**hook, "target": "gitlab", "secret": "the-token-of-the-pipeline", "ref": "main"}
        self.ask("POST", "/webhooks", 201, pipeline)
        other = self.ask("POST", "/tokens", 201, {"name": "Build", "scopes": ["read", "builds"]}).json()["token"]
        tag = self.ask("GET", NEWS, 200).headers["ETag"]
        self.ask("PATCH", NEWS, 200, {"data": {"title": "Edited"}}, Content_Type=PATCH, If_Match=tag)
        self.ask("PATCH", NEWS, 412, {"data": {"title": "Lost"}}, Content_Type=PATCH, If_Match=tag)
        tag = self.ask("GET", NEWS, 200).headers["ETag"]
        self.ask("PATCH", f"{NEWS}?draft=true", 200, {"data": {"title": "Later"}}, Content_Type=PATCH, If_Match=tag)
        preview = self.ask("POST", "/previews", 201, {"collection": "news", "id": "en/opening-day"}).json()["url"]
        self.ask("GET", preview.removeprefix("/api/v1"), 200)
        self._photos()
        self._mistakes(hook_secret)
        receiver.statuses += [500, 302]
        for path in ("/sync", "/changes", "/trash", "/images", "/collections", "/articles?q=library", "/whoami"):
            self.ask("GET", path, 200)
        self.ask("POST", "/builds", 201, {"cursor": self._cursor()}, Authorization=f"Bearer {other}")
        assert eventually(lambda: len(receiver.messages) >= 4, timeout_s=60)
        ready = f"{self.url}/readyz"
        assert eventually(lambda: b"git" in HTTP.request("GET", ready).data, timeout_s=60)
        return {
            "webhook": made["secret"],
            "pipeline": "the-token-of-the-pipeline",
            "netlify": "only-netlify-knows",
            "build": other.split("_", 2)[2],
            "preview": preview.rpartition("/")[2],
        }

    def _cursor(self) -> str:
        return str(json.loads(self.ask("GET", "/sync", 200).data.splitlines()[-1])["cursor"])

    def _photos(self) -> None:
        stream = io.BytesIO()
        Image.new("RGB", (900, 600), "teal").save(stream, "jpeg")
        photo = stream.getvalue()
        fields: Any = {"article": "news/en/opening-day", "files": ("hall.jpg", photo, "image/jpeg")}
        body, kind = urllib3.encode_multipart_formdata(fields)
        (image,) = self.ask("POST", "/images", 201, body, Content_Type=kind).json()["items"]
        asked = {"folder": "apart", "files": [{"name": "a.jpg", "bytes": len(photo), "type": "image/jpeg"}]}
        (item,) = self.ask("POST", "/uploads", 201, asked).json()["items"]
        assert HTTP.request(item["method"], item["url"], body=photo, headers=item["headers"]).status == 200
        self.ask("POST", f"/uploads/{item['id']}/complete", 201, b"", Content_Type="application/json")
        where = f"/images/{image['path']}"
        self.ask("DELETE", where, 204, If_Match=self.ask("GET", where, 200).headers["ETag"])

    def _mistakes(self, hook_secret: str) -> None:
        self.ask("GET", "/whoami", 401, Authorization=f"Bearer {self.token}x")
        self.ask("GET", "/whoami", 401, Authorization=f"Token {self.token}")
        self.ask("GET", f"/whoami?token={self.token}", 422)
        self.ask("POST", "/webhooks", 422, {"url": f"{self.url}/x", "target": "github", "secret": hook_secret * 99})
        self.ask("PUT", NEWS, 400, b"{", If_Match='"x"')
        self.ask("POST", "/hooks/git", 202, b"{}", X_Gitlab_Token=hook_secret)
        self.ask("POST", "/hooks/git", 401, b"{}", X_Gitlab_Token=f"{hook_secret}x")


def _calls(text: str) -> set[tuple[str, int]]:
    """Addresses and ports in strace's words; what goes to sockets of this machine's own files is no call."""
    four = re.findall(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)', text)
    six = re.findall(r'sin6_port=htons\((\d+)\),.*?inet_pton\(AF_INET6, "([^"]+)"', text)
    return {(host, int(port)) for port, host in (*four, *six)}


def _address(url: str) -> tuple[str, int]:
    parts = urllib3.util.parse_url(url)
    assert parts.host
    assert parts.port
    return parts.host, parts.port


def test_nobody_is_called_but_who_is_configured(day: Day) -> None:
    assert day.calls == set(day.configured.values())


def test_no_secret_is_logged(day: Day) -> None:
    """AC-16, AC-47."""
    levels = {json.loads(line)["levelname"] for line in day.log.splitlines() if line.startswith("{")}
    assert levels >= {"DEBUG", "INFO", "ERROR"}
    assert {name for name, secret in day.secrets.items() if secret in day.log} == set()


def test_strace_sees_a_call(tmp_path: Path) -> None:
    require(shutil.which("strace"), "strace")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code = (
            "import socket, subprocess, sys\n"
            f"socket.create_connection(('127.0.0.1', {port})).close()\n"
            "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)\n"
            "s.sendto(b'x', ('::1', 9))\n"
        )
        watch = ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-e", "trace=connect,sendto,sendmsg"]
        command = ["sh", "-c", '"$@"; true', "sh", str(program("python")), "-c", code]
        subprocess.run([*watch, "-o", f"{tmp_path}/calls", *command], check=True)
    assert eventually(lambda: len(_calls((tmp_path / "calls").read_text())) == 2)
    assert _calls((tmp_path / "calls").read_text()) == {("127.0.0.1", port), ("::1", 9)}
