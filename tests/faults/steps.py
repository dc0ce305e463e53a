"""Looks over the shoulder of code that writes: something may happen before each of its system calls.

What C libraries call by themselves is not seen: SQLite's own writes are one step, where a
transaction is committed.
"""

from __future__ import annotations

import fcntl
import os
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from cms.database.engine import IS_WRITING
from cms.store import swap

CHANGES = ("fsync", "fchmod", "link", "unlink", "rename", "replace", "mkdir", "rmdir")
LOOKS = ("fstat", "stat", "scandir", "listdir")

Before = Callable[[str], None]
"""Told the name of the call that is about to be made; what it raises, the call raises."""


@contextmanager
def watched(before: Before, *, looks: bool = False) -> Iterator[None]:
    """Have `before` told of each call that changes anything, and with `looks` of the others too, in the block."""
    guard = _Guard(before)
    with pytest.MonkeyPatch.context() as patch:
        for name in (*CHANGES, *(LOOKS if looks else ())):
            patch.setattr(os, name, guard.wrapped(name, getattr(os, name)))
        patch.setattr(os, "open", guard.wrapped_open(os.open, looks=looks))
        patch.setattr(os, "write", guard.wrapped_write(os.write))
        patch.setattr(swap, "exchange", guard.wrapped("exchange", swap.exchange))
        patch.setattr(subprocess.Popen, "__init__", guard.wrapped("run", subprocess.Popen.__init__))
        if looks:
            patch.setattr(fcntl, "fcntl", guard.wrapped("fcntl", fcntl.fcntl))

        def commit(connection: Connection) -> None:
            if connection.get_execution_options().get(IS_WRITING):  # others only read
                guard.told("commit")

        event.listen(Engine, "commit", commit)
        try:
            yield
        finally:
            event.remove(Engine, "commit", commit)


class _Guard:
    """Lets `before` itself call what it likes, and other threads than the one that began."""

    def __init__(self, before: Before) -> None:
        self._before = before
        self._inside = threading.local()

    def told(self, name: str) -> None:
        if getattr(self._inside, "value", False):
            return
        self._inside.value = True
        try:
            self._before(name)
        finally:
            self._inside.value = False

    def wrapped(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            self.told(name)
            return call(*arguments, **named)

        return wrapper

    def wrapped_write(self, call: Callable[..., int]) -> Callable[..., int]:
        def wrapper(descriptor: int, data: Any) -> int:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):  # not a pipe to another program
                self.told("write")
            return call(descriptor, data)

        return wrapper

    def wrapped_open(self, call: Callable[..., Any], *, looks: bool) -> Callable[..., Any]:
        def wrapper(path: Any, flags: int, *arguments: Any, **named: Any) -> Any:
            if flags & os.O_CREAT:
                self.told("create")
            elif looks:
                self.told("open")
            return call(path, flags, *arguments, **named)

        return wrapper
