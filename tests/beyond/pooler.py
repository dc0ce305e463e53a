"""pgbouncer, which gives each transaction another session of the server, and a way to a server that can be changed."""

from __future__ import annotations

import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import make_url

from tests.components import ending, free_port, program, require

Address = tuple[str, int] | str
"""Of TCP, or a socket's path."""


def address_of(url: str) -> Address:
    """Return where the PostgreSQL server of the URL listens."""
    parts = make_url(url)
    host = parts.host or str(parts.query["host"])
    port = parts.port or 5432
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else (host, port)


def through(url: str, port: int) -> str:
    """Return the URL of the same database behind a port of this machine."""
    parts = make_url(url)
    plain = parts.set(host="127.0.0.1", port=port, query={"sslmode": "disable"}, username=parts.username or "postgres")
    return plain.render_as_string(hide_password=False)


@contextmanager
def pgbouncer(url: str, mode: str = "transaction", ignored: str = "options") -> Iterator[int]:
    """A pooler before the server of the URL; gives its port. It takes the start-up parameters that it is to ignore."""
    found = program("pgbouncer") or "/usr/sbin/pgbouncer"
    require(Path(found).exists(), "pgbouncer")
    address, port = address_of(url), free_port()
    host = str(Path(address).parent) if isinstance(address, str) else address[0]
    # It refuses to run as root, and pytest closes its own folders to others.
    with tempfile.TemporaryDirectory(prefix="cms-pgbouncer-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "ini").write_text(
            f"[databases]\n* = host={host} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nauth_type = any\n"
            f"listen_port = {port}\nunix_socket_dir =\npool_mode = {mode}\nlogfile = {folder}/log\n"
            f"ignore_startup_parameters = extra_float_digits,{ignored}\n"
        )
        as_other = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        process = subprocess.Popen([*as_other, found, "-q", str(folder / "ini")], stderr=subprocess.DEVNULL)
        with ending(process):
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                assert process.poll() is None, (folder / "log").read_text()
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield port


class Relay:
    """Passes connections on to an address that can be changed, which ends those that there are. While it is not
    `is_open`, nothing comes through."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.is_open = threading.Event()
        self.is_open.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def lead_to(self, address: Address) -> None:
        self.address = address
        self.cut()

    def cut(self) -> None:
        """End all connections."""
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
            try:
                server.connect(self.address)
            except OSError:
                client.close()
                server.close()
                continue
            self._open += [client, server]
            threading.Thread(target=self._join, args=(client, server), daemon=True).start()

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
            back.start()
            self._pass_on(client, server)
            back.join()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self.is_open.wait()
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(url: str) -> Iterator[Relay]:
    """A way to the server of the URL."""
    made = Relay(address_of(url))
    try:
        yield made
    finally:
        made.is_open.set()
        made.close()
