"""What is published of the npm package, and what it is made from."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.astro_site import INSTALLED, Package
from tests.components import PACKAGE
from tests.conftest import ROOT


def test_its_types_are_those_of_the_spec(package: Package) -> None:
    command = [package.node, "node_modules/.bin/openapi-typescript", str(ROOT / "openapi/openapi.json")]
    made = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=True, timeout=300).stdout
    assert (PACKAGE / "src/api.ts").read_text() == made, "run `npm run types` in openapi/astro"


def test_it_holds_what_it_exports_and_depends_on_nothing(package: Package) -> None:
    manifest = json.loads((package.folder / "package.json").read_text())
    assert "dependencies" not in manifest
    assert manifest["peerDependencies"].keys() == {"astro"}
    for entry in manifest["exports"].values():
        assert (package.folder / entry["types"]).is_file()
        assert (package.folder / entry["default"]).is_file()
    assert {path.name for path in package.folder.iterdir()} == {"package.json", "README.md", "dist"}


def test_its_source_keeps_the_strict_rules(package: Package) -> None:
    for program, *options in (["tsc", "--noEmit"], ["eslint", "--max-warnings", "0", "."]):
        arguments = [package.node, f"node_modules/.bin/{program}", *options]
        done = subprocess.run(arguments, cwd=PACKAGE, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("version", INSTALLED)
def test_its_locks_name_versions_and_digests_and_no_host(version: int) -> None:
    text = (INSTALLED[version] / "package-lock.json").read_text()
    assert "://" not in text
    lock = json.loads(text)
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert len(packages) > 100
    assert all("integrity" in about and "resolved" not in about for about in packages.values())
    assert packages["node_modules/astro"]["version"].split(".")[0] == str(version)
