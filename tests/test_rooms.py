"""Five rooms, arrows one way: what each may import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

CMS = ROOT / "cms"
BY_THE_MACHINE = {
    "database/clock.py": "what SQLite's rows and all that is due go by",
    "store/directory.py store/repository.py store/swap.py database/heartbeats.py actions/sweep.py": "ages of own files",
    "store/s3_refusals.py": "how far S3's is from it, which signs what is asked",
    "store/commit.py actions/backup.py": "times in what git and tar read",
    "outages.py store/condition.py database/file.py api/access_log.py api/service.py": "times that people read",
    "api/operators.py": "the same, to compare",
}
"""Modules that go by the machine's own clock, and for what."""
MAY_IMPORT = {
    "clock": set(),
    "outages": {"clock"},
    "errors": {"outages"},
    "model": {"errors"},
    "store": {"clock", "errors", "outages"},
    "database": {"clock", "errors", "model", "outages"},
    "variables": {"errors", "model"},
    "settings": {"errors", "model", "variables"},
    "context": {"database", "settings", "store"},
    "actions": {"clock", "errors", "model", "store", "database", "context", "settings", "outages"},
    "api": {"clock", "errors", "model", "database", "actions", "context", "outages"},
    "serving": {"settings", "app", "processes"},
    "app": {"actions", "api", "context", "database", "settings", "store"},
    "cli": {
        "errors", "outages", "model", "database", "actions", "api", "context", "settings", "app", "serving",
        "processes",
    },
    "__main__": {"cli"},
}  # fmt: skip


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_imports_point_one_way() -> None:
    for path in CMS.rglob("*.py"):
        room = path.relative_to(CMS).parts[0].removesuffix(".py")
        for name in imports(path):
            if name.startswith("cms."):
                other = name.split(".")[1]
                assert other == room or other in MAY_IMPORT.get(room, set()), f"{path} imports {name}"


def test_each_outside_thing_is_known_in_one_place() -> None:
    for pattern, home in {
        r"\bboto3\b|\bbotocore\b": "store/s3",
        r"\bos\.environ\b|\bgetenv\b": "settings.py",
        r"\bsqlalchemy\b": "database",
        r"\bflask\b": "api",
        r"\bprometheus_client\b": "api/metrics.py",
        r"\bgranian\b": "serving.py",
        r"\bPIL\b": "model/photo",
    }.items():
        for path in CMS.rglob("*.py"):
            where = path.relative_to(CMS).as_posix()
            code = "\n".join(name for name in imports(path) if name != "sqlalchemy.Connection")
            code += path.read_text() if "environ" in pattern else ""
            allowed = where.startswith(home) or (where in {"app.py", "context.py"} and home in {"api", "database"})
            assert allowed or not re.search(pattern, code), f"{where} knows {pattern}"


def test_one_module_reads_the_clock() -> None:
    read = (
        r"\btime\.time(_ns)?\b|from time import|\bCLOCK_REALTIME|\b(gm|local|c|asc)time\(\)|\bdate\.today|\butcnow\b"
        r"|\bdatetime\.(now|today)\b|\bfunc\.(now|current_)|\bCURRENT_(TIME|DATE)|(?i:clock_timestamp|\bnow\(\))"
    )
    found = {path.relative_to(CMS).as_posix() for path in CMS.rglob("*.py") if re.search(read, path.read_text())}
    assert found == {"clock.py", "database/clock.py"}  # the latter asks PostgreSQL


def test_what_goes_by_the_clock_of_the_machine_is_named() -> None:
    """All else goes by the database's, so that all nodes do, and a test can tell what a wrong clock does."""
    users = {path.relative_to(CMS).as_posix() for path in CMS.rglob("*.py") if "cms.clock" in map(_room, imports(path))}
    assert users == set(" ".join(BY_THE_MACHINE).split())


def _room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def test_the_top_level_is_the_agreed_one() -> None:
    agreed = {"pyproject.toml", "cms", "content", "tests", "openapi", "wsgi.py", "README.md", "requirements.lock"}
    built = {"markdown_cms.egg-info", "build", "__pycache__"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - built == agreed


@pytest.mark.parametrize(("module", "without"), [("cms.actions.darkroom", "sqlalchemy"), ("cms.app", "flask")])
def test_what_is_started_often_does_without_what_takes_long(module: str, without: str) -> None:
    """A process for photos, started with each upload, and a command."""
    code = f"import sys, {module}; sys.exit({without!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, timeout=300).returncode == 0
