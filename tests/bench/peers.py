"""The servers beside ours, and the load: nginx, plain Flask applications, wrk."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import processor_seconds
from tests.components import ending, free_port, program, require, wait_for

NGINX = """
daemon off; {user} pid {folder}/nginx.pid; error_log stderr; worker_processes {workers};
events {{ worker_connections 1024; }}
http {{
  types {{ application/json json; application/x-ndjson ndjson; }}
  log_format json escape=json '{{"time":"$time_iso8601","method":"$request_method","path":"$uri","status":$status,'
    '"bytes":$body_bytes_sent,"duration_s":$request_time,"request_id":"$request_id"}}';
  access_log {folder}/access.log json buffer=4k flush=1s;
  keepalive_requests 100000000; gzip_types application/json application/x-ndjson; gzip_comp_level {gzip};
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root}; gzip {on}; add_header Cache-Control no-cache; }}
}}
"""


@dataclass(frozen=True)
class Server:
    url: str
    pid: int


@dataclass(frozen=True)
class Load:
    """What a server did under load: processor seconds a request, and requests a second."""

    cpu: float
    rate: float


@contextmanager
def nginx(folder: Path, root: Path, workers: int = 1, gzip: int = 0) -> Iterator[Server]:
    """nginx serving the folder `root`, with an access log like ours; with `gzip` it codes on the fly at this level."""
    found = program("nginx") or "/usr/sbin/nginx"
    require(Path(found).exists(), "nginx (nginx-light)")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # only root may change it, and only root's files need it
    named = {"user": user, "folder": folder, "root": root, "port": port, "workers": workers, "gzip": gzip or 1}
    (folder / "nginx.conf").write_text(NGINX.format(**named, on="on" if gzip else "off"))
    command = [found, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with ending(process):
        wait_for(f"http://127.0.0.1:{port}/", process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def flask(folder: Path, code: str, *arguments: str) -> Iterator[Server]:
    """A Flask application, given as the code that makes `app` of `sys.argv[2:]`, on the server that ours runs on."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    (folder / "served.py").write_text(
        f"import sys\n{code}\n"
        "if __name__ == '__main__':\n"
        "    from granian.server import Server\n"
        "    Server('served:app', port=int(sys.argv[1]), interface='wsgi', blocking_threads=4, backpressure=64,"
        " log_enabled=False).serve()\n"
    )
    command = [str(program("python")), str(folder / "served.py"), str(port), *arguments]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ending(process):
        wait_for(f"http://127.0.0.1:{port}/", process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


def load(
    server: Server, path: str, seconds: float, headers: Mapping[str, str] | None = None, connections: int = 16
) -> Load:
    """So many connections that ask for the same all the time."""
    wrk = program("wrk")
    require(wrk, "wrk")
    command = [str(wrk), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    before = processor_seconds(server.pid)
    told = subprocess.run([*command, server.url + path], capture_output=True, text=True, check=True, timeout=120).stdout
    spent = processor_seconds(server.pid) - before
    requests = int(re.search(r"(\d+) requests in", told)[1])  # type: ignore[index]
    assert "Non-2xx" not in told, told
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])  # type: ignore[index]
    return Load(spent / requests, rate)


def cost(server: Server, path: str, seconds: float, connections: int = 16) -> float:
    """Microseconds of the processor for each request, under that load."""
    return load(server, path, seconds, connections=connections).cpu * 1e6
