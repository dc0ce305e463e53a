"""The README is true: its first edit works as written, its settings and commands are all there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

from cms.api import create_flask
from cms.api.spec import to_text
from cms.cli import main
from cms.model.limits import Limits
from cms.model.scopes import SCOPES
from cms.variables import NAMES
from tests.components import cms, cms_server, program, require
from tests.conftest import ROOT, SAMPLE, copy_site

README = (ROOT / "README.md").read_text()
OF_TESTS = (ROOT / "tests/README.md").read_text()


def test_the_first_edit_works_as_written(tmp_path: Path) -> None:
    require(shutil.which("curl"), "curl")
    commands = re.search(r"```sh\n(.*?)```", README, re.DOTALL)
    assert commands is not None
    clone = tmp_path / "clone"
    copy_site(SAMPLE, clone / "content")
    (clone / ".venv/bin").mkdir(parents=True)
    (clone / ".venv/bin/cms").symlink_to(str(program("cms")))
    (clone / ".gitignore").write_text(".venv\n")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run([*git, *arguments], cwd=clone, check=True)
    with cms_server(clone / "content", tmp_path / "log", "--no-worker") as server:
        script = "set -e\n" + commands[1].replace("http://127.0.0.1:8000", server.url)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CMS_")}
        result = subprocess.run(
            ["bash", "-c", script], cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
    assert result.returncode == 0, result.stderr
    assert '"markdown":"![](@/assets/news/opening-day/photo-5.jpg)"' in result.stdout
    assert "1 file changed, 1 insertion(+), 1 deletion(-)" in result.stdout


def test_the_site_to_try_it_with_has_no_errors_however_it_was_edited(tmp_path: Path) -> None:
    checked = cms(copy_site(ROOT / "content", tmp_path / "content"), "check", "--errors")
    assert checked.returncode == 0, checked.stdout


def test_every_setting_and_every_scope_is_named() -> None:
    for name in NAMES:
        assert name in README or name.startswith("CMS_MAX_"), name
    named = set(re.findall(r"`(CMS_[A-Z_]+)", README)) - {"CMS_MAX_", "CMS_URL", "CMS_TOKEN"}
    assert {name for name in named if not name.startswith("CMS_TEST_")} <= set(NAMES)
    assert all(f"`{scope}`" in README for scope in SCOPES)


def test_every_variable_of_the_tests_is_named_where_they_are_described() -> None:
    sources = "".join(path.read_text() for path in (*ROOT.glob("tests/*.py"), *ROOT.glob("tests/*/*.py")))
    read = set(re.findall(r'environ\.get\(\s*"(CMS_TEST_[A-Z_]+)"', sources))
    assert set(re.findall(r"CMS_TEST_[A-Z_]+", OF_TESTS)) == read
    assert set(re.findall(r"CMS_TEST_[A-Z_]+", README)) <= read


def test_every_limit_is_listed_with_its_value() -> None:
    words = " ".join(README.split())
    spec = described(Limits(json_bytes=4711))
    assert "`CMS_MAX_JSON_BYTES`: 4,711" in spec
    for limit in fields(Limits):
        assert isinstance(limit.default, int)
        assert f"`{limit.name.upper()}` {shown(limit.name, limit.default)}" in words
        assert limit.name == "json_bytes" or f"`CMS_MAX_{limit.name.upper()}`: {limit.default:,}" in spec


def described(limits: Limits) -> str:
    description: str = json.loads(to_text(create_flask(limits)))["info"]["description"]
    return description


def shown(name: str, number: int) -> str:
    for unit, size in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if name.endswith("_bytes") and number % size == 0:
            return f"{number // size} {unit}"
    return f"{number:,}"


def test_every_command_is_named() -> None:
    commands = re.search(r"^Commands:.*?\n\n", README, re.DOTALL | re.MULTILINE)
    assert commands is not None
    text = " ".join(commands[0].split())
    for name in main.commands:
        assert f"`cms {name}" in text, name


def test_the_set_up_lines_use_the_locks_with_hashes() -> None:
    outside = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    lines = [line.strip() for line in outside.splitlines() if line.startswith("    ")]
    assert [re.findall(r"-r (\S+)", line) for line in lines] == [["requirements.lock"], ["tests/requirements.lock"]]
    for lock in ("requirements.lock", "tests/requirements.lock"):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        pinned = re.findall(r"^[a-z0-9].*==.*$", text, re.MULTILINE)
        assert len(pinned) > 20
        assert all(line.endswith("\\") for line in pinned)


def test_each_promise_names_what_shows_it_and_all_that_is_named_is_there() -> None:
    rows = re.findall(r"^\| (P\d+) \| (.*) \| (.*) \| (.*) \|$", README, re.MULTILINE)
    assert [name for name, *_ in rows] == [f"P{number}" for number in range(1, 15)]
    for name, promise, shown_by, figures in rows:
        assert promise, name
        assert figures, name
        assert re.search(r"`tests/\S+\.py`", shown_by), name
    for path in re.findall(r"tests/[\w/]+\.(?:py|md)", README + OF_TESTS):
        assert (ROOT / path).is_file(), path
