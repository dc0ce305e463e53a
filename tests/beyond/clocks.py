"""Clocks that a test sets: this process's, and that of servers, whose monotonic clocks go on as ever."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

HOUR_S, DAY_S = 3600.0, 86_400.0
STEPS = {"-1h": -HOUR_S, "+1h": HOUR_S, "-40d": -40 * DAY_S, "+40d": 40 * DAY_S, "+10y": 3650 * DAY_S}


@dataclass
class OwnClock:
    """This process's clock: `ahead_s` may be set, and time may pass on both clocks."""

    ahead_s: float = 0.0
    passed_s: float = 0.0


@pytest.fixture
def own_clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OwnClock:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # where others' files would seem old
    found, wall, monotonic = OwnClock(), time.time, time.monotonic
    monkeypatch.setattr(time, "time", lambda: wall() + found.passed_s + found.ahead_s)
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + found.passed_s)
    return found


_CUSTOMIZED = """
import time

_machine = time.time

def _set_ahead() -> float:
    with open({path!r}) as ahead:
        return _machine() + float(ahead.read())

time.time = _set_ahead
"""


class ServerClock:
    """The clock of Python processes that have this `environment`; libfaketime would break their sleep, too."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._ahead = folder / "ahead"
        self.set_ahead(0)
        (folder / "sitecustomize.py").write_text(_CUSTOMIZED.format(path=str(self._ahead)))
        self.environment = {"PYTHONPATH": str(folder), "TMPDIR": str(folder)}

    def set_ahead(self, seconds: float) -> None:
        new = self._ahead.with_suffix(".new")
        new.write_text(f"{seconds:.0f}")
        new.replace(self._ahead)
