"""Small Astro sites of our own, built with the package in openapi/astro as a site that installed it would be."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.components import ASTRO, PACKAGE, node_with_packages, program

BUILD_TIMEOUT_S = 600
NAME = "astro-markdown-cms"
Files = dict[str, bytes]
INSTALLED = {5: ASTRO / "5", 6: ASTRO / "6", 7: PACKAGE}
"""Where the packages of each version of Astro are: version 7 is the one that our own package is made with."""


@dataclass(frozen=True)
class Package:
    """Our package, packed and unpacked again in `folder`."""

    node: str
    folder: Path


def pack(folder: Path) -> Package:
    """Pack it into `folder`, once for all the workers of a run."""
    # The program itself: what is installed beside Python only starts it, and would leave it running.
    starter = node_with_packages(PACKAGE)
    said = subprocess.run([starter, "-p", "process.execPath"], capture_output=True, text=True, check=True, timeout=300)
    node = said.stdout.strip()
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "package").exists():
            command = [str(program("npm")), "pack", "--silent", "--pack-destination", str(folder)]
            subprocess.run(command, cwd=PACKAGE, check=True, timeout=300, stdout=subprocess.DEVNULL)
            (archive,) = folder.glob("*.tgz")
            with tarfile.open(archive) as packed:
                packed.extractall(folder, filter="data")
    return Package(node, folder / "package")


@dataclass(frozen=True)
class AstroSite:
    """A site in `folder`; `url` is its CMS, None where it has its content in files.

    Photos that Astro has optimised are shared in `optimised`: named by what they were made of, they save the work and
    no more.
    """

    node: str
    folder: Path
    url: str | None
    optimised: Path

    def run(self, command: str, **env: str) -> subprocess.CompletedProcess[str]:
        arguments = [self.node, "node_modules/.bin/astro", command]
        return subprocess.run(
            arguments, cwd=self.folder, env=self.environment(**env), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=BUILD_TIMEOUT_S, check=False,
        )  # fmt: skip

    def environment(self, **env: str) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith("CMS_")}
        asked = {} if self.url is None else {"CMS_URL": self.url}
        return {**own, "ASTRO_TELEMETRY_DISABLED": "1", "NO_COLOR": "1", **asked, **env}

    def built(self, *said: str, **env: str) -> Files:
        """Every file of the built site; `said` is what the build told on the way."""
        self.done("build", *said, **env)
        add_files(self.cache / "assets", self.optimised)
        return self.files()

    def synced(self, *said: str, **env: str) -> str:
        """Loads the content, as each build does at first; gives all that it told."""
        return self.done("sync", *said, **env)

    def done(self, command: str, *said: str, **env: str) -> str:
        result = self.run(command, **env)
        assert result.returncode == 0, result.stdout
        for words in said:
            assert words in result.stdout, result.stdout
        return result.stdout

    def failed(self, command: str = "sync", **env: str) -> str:
        """What the command said, which could not do it."""
        result = self.run(command, **env)
        assert result.returncode != 0, result.stdout
        return result.stdout

    def files(self) -> Files:
        dist = self.folder / "dist"
        return {path.relative_to(dist).as_posix(): path.read_bytes() for path in dist.rglob("*") if path.is_file()}

    @property
    def cache(self) -> Path:
        return self.folder / "node_modules/.astro"

    @property
    def photos(self) -> list[Path]:
        """The files fetched from the CMS."""
        return sorted(path for path in (self.cache / "cms").rglob("*") if path.is_file())


def make_site(package: Package, version: int, name: str, folder: Path, *, url: str | None = None) -> AstroSite:
    """The site `name` on a version of Astro, without content; its packages are shared, its cache is its own."""
    node_with_packages(INSTALLED[version])
    shutil.copytree(ASTRO / name, folder)
    modules = folder / "node_modules"
    modules.mkdir()
    for installed in (INSTALLED[version] / "node_modules").iterdir():
        if installed.name not in {".astro", ".vite"}:
            (modules / installed.name).symlink_to(installed)
    shutil.copytree(package.folder, modules / NAME)
    made = AstroSite(package.node, folder, url, package.folder.parent / f"optimised-{version}")
    add_files(made.optimised, made.cache / "assets")
    return made


def build_once(package: Package, version: int, name: str, *, url: str) -> AstroSite:
    """Return the site `name` as built from the CMS at `url`, once for all the workers of a run; tests only read it."""
    folder = package.folder.parent / f"built-{version}-{name}"
    with folder.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if folder.exists():
            return AstroSite(package.node, folder, url, package.folder.parent / f"optimised-{version}")
        made = make_site(package, version, name, folder, url=url)
        made.built("news: 6 changed")
        return made


def local_site(package: Package, version: int, name: str, folder: Path, content: Path) -> AstroSite:
    """The site with the content in its own files, all but drafts, which the CMS does not give away."""
    made = make_site(package, version, name, folder)
    shutil.copytree(content / "src", folder / "src", dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.json"))
    for path in (folder / "src/content").rglob("*.md"):
        if "\ndraft: true" in path.read_text():
            path.unlink()
    return made


def add_files(source: Path, target: Path) -> None:
    """Those that are missing in the target, each whole or not at all: other workers add to it and read it."""
    target.mkdir(parents=True, exist_ok=True)
    source.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as part:
        for path in source.iterdir():
            if not (target / path.name).exists():
                (Path(shutil.copy2(path, part))).rename(target / path.name)
