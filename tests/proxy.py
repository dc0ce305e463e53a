"""nginx in front of servers, with the configuration that the README shows."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.components import ending, free_port, program, require, wait_for

README = Path(__file__).parents[1] / "README.md"

AROUND = """
daemon off; {user} pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
{shown}
}}
"""


@contextmanager
def nginx_before(ports: Sequence[int], folder: Path) -> Iterator[str]:
    """The README's nginx with these servers of 127.0.0.1 behind it; gives its URL."""
    found = program("nginx") or "/usr/sbin/nginx"
    require(Path(found).exists(), "nginx (nginx-light)")
    folder.mkdir()
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND.format(user=user, folder=folder, shown=shown(port, ports)))
    command = [found, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    with ending(process):
        wait_for(f"http://127.0.0.1:{port}/healthz", process)
        yield f"http://127.0.0.1:{port}"


def shown(port: int, ports: Sequence[int]) -> str:
    """What the README shows, for these ports."""
    block = re.search(r"```nginx\n(.*?)```", README.read_text(), re.DOTALL)
    assert block is not None
    lines = block[1].splitlines(keepends=True)
    (server,) = [line for line in lines if "127.0.0.1:8000" in line]
    servers = "".join(server.replace("8000", str(number)) for number in ports)
    text = block[1].replace(server, servers)
    assert "listen 80;" in text
    return text.replace("listen 80;", f"listen 127.0.0.1:{port};")
