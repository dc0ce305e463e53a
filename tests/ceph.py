"""Ceph's S3 server on this machine alone: one monitor, one store in memory, one gateway."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.components import KEY, SECRET, ending, free_port, program, require, wait_for

_CONFIG = """
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{monitor}/0]
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_crush_chooseleaf_type = 0
osd_objectstore = memstore
memstore_device_bytes = 1G
osd_class_load_list = *
osd_class_default_list = *
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
mon_max_pg_per_osd = 1000
run_dir = {home}
admin_socket = {home}/$name.asok
log_file = {home}/$name.log
keyring = {home}/keyring
mon_data = {home}/mon
osd_data = {home}/osd
rgw_data = {home}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{gateway}
rgw_run_sync_thread = false
rgw_dynamic_resharding = false
rgw_enable_usage_log = false
rgw_cache_enabled = false
"""


@contextmanager
def ceph_server() -> Iterator[str]:
    """Gives the gateway's URL, when it answers; nothing outlives the block."""
    require(program("radosgw") and program("ceph-mon") and program("ceph-osd"), "Ceph (radosgw ceph-mon ceph-osd)")
    # Sockets have short names only; pytest's folders are too deep for them.
    with tempfile.TemporaryDirectory(prefix="cms-ceph-", dir="/tmp") as folder, ExitStack() as running:
        home, gateway = Path(folder), free_port()
        fsid = str(uuid.uuid4())
        config = _CONFIG.format(fsid=fsid, monitor=free_port(), gateway=gateway, home=home)
        (home / "ceph.conf").write_text(config)
        for name in ("mon", "osd", "rgw"):
            (home / name).mkdir()
        _make_keys(home, fsid)
        running.enter_context(_daemon(home, "ceph-mon", "-i", "a"))
        number = str(uuid.uuid4())
        _until_done(home, "ceph", "osd", "new", number)
        _run(home, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", number)
        _run(home, "ceph", "osd", "crush", "add", "0", "1.0", "root=default", "host=here")
        running.enter_context(_daemon(home, "ceph-osd", "-i", "0"))
        process = running.enter_context(_daemon(home, "radosgw", "-n", "client.admin"))
        user = (
            "user",
            "create",
            "--uid=tests",
            "--display-name=tests",
            f"--access-key={KEY}",
            f"--secret-key={SECRET}",
        )
        _run(home, "radosgw-admin", "-n", "client.admin", *user)
        wait_for(f"http://127.0.0.1:{gateway}/", process)
        yield f"http://127.0.0.1:{gateway}"


def _make_keys(home: Path, fsid: str) -> None:
    tool = ("ceph-authtool", str(home / "keyring"), "--gen-key")
    everything = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
    _run(home, *tool, "--create-keyring", "-n", "mon.", "--cap", "mon", "allow *")
    _run(home, *tool, "-n", "client.admin", *everything)
    _run(home, *tool, "-n", "osd.0", "--cap", "mon", "allow profile osd", "--cap", "osd", "allow *")
    address = next(line for line in (home / "ceph.conf").read_text().splitlines() if line.startswith("mon_host"))
    where = address.partition("= ")[2].replace("/0]", "]")
    monmap = str(home / "monmap")
    _run(home, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", where, monmap)
    _run(home, "ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", str(home / "keyring"))


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "CEPH_CONF": str(home / "ceph.conf")}


def _run(home: Path, *command: str) -> None:
    subprocess.run(command, env=_environment(home), check=True, capture_output=True, timeout=300)


def _until_done(home: Path, *command: str) -> None:
    """The monitor needs a moment before it answers."""
    deadline = time.monotonic() + 60
    while subprocess.run(command, env=_environment(home), check=False, capture_output=True, timeout=300).returncode:
        assert time.monotonic() < deadline, command
        time.sleep(0.2)


@contextmanager
def _daemon(home: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    with (home / f"{command[0]}.out").open("wb") as out:
        path = shutil.which(command[0]) or command[0]
        process = subprocess.Popen([path, *command[1:], "-f"], env=_environment(home), stdout=out, stderr=out)
        with ending(process):
            yield process
