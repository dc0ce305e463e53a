"""The command that tries any folder of Markdown counts what it finds, and finds nothing wrong in a site."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.conftest import REAL, ROOT


def tried(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.corpora", str(folder), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


def test_nothing_is_wrong_with_a_site_nor_with_awkward_files(nodejs: str) -> None:
    for folder in (REAL / "src/content", ROOT / "tests/awkward"):
        number = len([path for path in folder.rglob("*") if path.suffix in (".md", ".mdx", ".markdown")])
        result = tried(folder, "--edits", "3")
        lines = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
        assert result.returncode == 0, result.stdout + result.stderr
        assert [f"{number}", "files"] in lines
        assert [f"{number}", "the same"] in lines
        assert {count for count, word in lines if word in ("with another id", "wrong")} == {"0"}


def test_what_either_side_refuses_is_named(nodejs: str, tmp_path: Path) -> None:
    (tmp_path / "fine.md").write_text("---\ntitle: a\n---\nText\n")
    (tmp_path / "both.md").write_text("---\ntitle: [\n---\n")
    (tmp_path / "ours.md").write_text("---\n? [a]\n: b\n---\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/other.md").write_text("---\ntitle: [\n---\n")
    lines = [line.strip() for line in tried(tmp_path).stdout.splitlines()]
    assert lines[0] == "3 files"
    assert {"1  the same", "1  both refuse", "1  broken here alone"} <= set(lines)
    assert any(line.startswith("both.md: yaml_syntax: line ") for line in lines)
    assert any(line.startswith("ours.md: yaml_key: line ") for line in lines)
