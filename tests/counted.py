"""Prints what the tests counted, at the end of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

Told = Callable[[Mapping[str, object]], None]


@pytest.fixture
def counted(record_property: Callable[[str, object], None]) -> Told:
    """Have these counts printed."""

    def tell(counts: Mapping[str, object]) -> None:
        record_property("counted", ", ".join(f"{name} {number}" for name, number in counts.items()))

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, text in report.user_properties:
            if name == "counted":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {text}")
