"""A way to PostgreSQL that a test closes, or on which all stands still."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

NAME = ".s.PGSQL.5432"


@dataclass
class Gateway:
    """Passes on what comes to the socket in `folder`, to the one in `target`."""

    folder: Path
    target: Path
    url: str
    _listener: socket.socket | None = None
    _lines: list[socket.socket] = field(default_factory=list)
    _flows: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """All passes."""
        self._flows.set()
        if self._listener is None:
            (self.folder / NAME).unlink(missing_ok=True)
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(str(self.folder / NAME))
            self._listener.listen(64)
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def shut(self) -> None:
        """None is let in any more, as when there are too many; who is there stays."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Connections end, and none is let in: as while the server is restarted."""
        self.shut()
        lines, self._lines = self._lines, []
        for line in lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._flows.set()

    def freeze(self) -> None:
        """Connections stay, new ones too, and nothing comes through any more."""
        self._flows.clear()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._line, args=(client,), daemon=True).start()

    def _line(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(str(self.target / NAME))
            self._lines += [client, server]
            back = threading.Thread(target=self._pass_on, args=(server, client), daemon=True)
            back.start()
            self._pass_on(client, server)
            back.join()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                target.sendall(data)
        for line in (source, target):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@contextmanager
def gateway(url: str, folder: Path) -> Iterator[Gateway]:
    """An open one to the database at the URL, which leads through a socket in a folder."""
    folder.mkdir()
    parsed = make_url(url)
    host = parsed.query["host"]
    assert isinstance(host, str)
    through = parsed.update_query_dict({"host": str(folder)}).render_as_string(hide_password=False)
    made = Gateway(folder, Path(host), through)
    made.open()
    try:
        yield made
    finally:
        made.close()
