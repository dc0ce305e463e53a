"""OpenStack Swift's S3 server on this machine alone: a proxy, and a server each for accounts, containers, objects."""

from __future__ import annotations

import getpass
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.components import KEY, SECRET, ending, free_port, has_module, program, require, wait_for

STORAGE = ("account", "container", "object")

_CLUSTER = """
[swift-hash]
swift_hash_path_prefix = tests
swift_hash_path_suffix = tests
"""

_SERVER = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {home}
devices = {home}
mount_check = false
fallocate_reserve = 0
log_level = ERROR
"""

_STORAGE = """
[pipeline:main]
pipeline = {kind}-server

[app:{kind}-server]
use = egg:swift#{kind}
"""

_FILTERS = ("catch_errors", "gatekeeper", "listing_formats", "s3api", "bulk", "slo", "copy")

_PROXY = """
[pipeline:main]
pipeline = catch_errors gatekeeper listing_formats s3api tempauth bulk slo copy proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:tempauth]
use = egg:swift#tempauth
user_{account}_{user} = {secret} .admin
"""

_RINGS = """
import json, sys
from swift.common.ring import RingBuilder
home, ports = sys.argv[1], json.loads(sys.argv[2])
for kind, port in ports.items():
    place = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    builder.add_dev({"id": 0, "region": 1, "zone": 1, "device": "disk", "weight": 1.0, "meta": "", **place})
    builder.rebalance()
    builder.get_ring().save(f"{home}/{kind}.ring.gz")
"""


@contextmanager
def swift_server() -> Iterator[str]:
    """Gives the proxy's URL, when it answers; nothing outlives the block."""
    require(has_module("swift"), "Swift (swift)")
    with tempfile.TemporaryDirectory(prefix="cms-swift-") as folder, ExitStack() as running:
        home = Path(folder)
        (home / "disk").mkdir()
        (home / "swift.conf").write_text(_CLUSTER)
        ports = {kind: free_port() for kind in STORAGE}
        subprocess.run([sys.executable, "-c", _RINGS, folder, json.dumps(ports)], check=True, timeout=300)
        for kind, port in ports.items():
            running.enter_context(_server(home, kind, port, _STORAGE.format(kind=kind)))
        yield running.enter_context(_server(home, "proxy", free_port(), _proxy_parts()))


def _proxy_parts() -> str:
    account, user = KEY.split(":")
    filters = (f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in _FILTERS)
    return "\n".join([_PROXY.format(account=account, user=user, secret=SECRET), *filters])


@contextmanager
def _server(home: Path, kind: str, port: int, parts: str) -> Iterator[str]:
    """One of the daemons in the foreground, without children of its own; gives its URL."""
    config = home / f"{kind}-server.conf"
    config.write_text(_SERVER.format(port=port, user=getpass.getuser(), home=home) + parts)
    command = [str(program(f"swift-{kind}-server")), str(config)]
    with (home / f"{kind}.out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
        with ending(process):
            wait_for(f"http://127.0.0.1:{port}/", process)
            yield f"http://127.0.0.1:{port}"
