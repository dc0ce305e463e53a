"""Runs git so that nothing a repository holds can run anything: no hook, filter, driver or helper of its own.

Git has no switch that leaves a repository's config unread. So whatever could start a program runs in an empty
repository of ours (`own`), whose config we write, over the objects of the site's; in the site's own (`site`) only
names are asked for and refs moved, which starts nothing but hooks, and those are switched off.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote

from cms.errors import NotReady, Unavailable

LOCAL_S = 60.0
NETWORK_S = 120.0
LOOK_EVERY_S = 0.2

_FIXED = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_SAFE = (
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    ("core.fsync", "committed,reference"),  # git's own default flushes nothing
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    ("safe.directory", "*"),  # whose the folder is matters to who trusts its config
)
_OWN = (
    ("core.bare", "true"),
    # A clean-up of ours would take the site's objects, of whose refs this repository knows nothing.
    ("gc.pruneExpire", "never"),
    ("merge.directoryRenames", "false"),
)
_HELPER = '!f() { printf \'username=%s\\npassword=%s\\n\' "$CMS_GIT_USER" "$CMS_GIT_PASSWORD"; }; f'
"""What git asks for a password; the shell that runs it prints by itself, and starts nothing."""
_WITH_PASSWORD = re.compile(r"(https?)://([^/:\s]*):([^/\s]+)@([^/@\s]+)(.*)")
_CREDENTIALS = re.compile(r"(?<=://)[^/\s]+(?=@)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command runs: `arguments` of git itself, `environment` on top of the service's."""

    folder: Path
    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    status: int
    out: bytes
    error: str


def at_folder(folder: Path) -> Place:
    """Where the repository is still to be found."""
    return Place(folder, _config(_SAFE), {})


def at_site(work_tree: Path, git_folder: Path) -> Place:
    places = (f"--git-dir={git_folder}", f"--work-tree={work_tree}")
    return Place(work_tree, (*_config(_SAFE), *places), {})


def at_own(folder: Path, objects: Path) -> Place:
    """The repository of ours, over the objects of the site's; it reaches no other."""
    environment = {"GIT_OBJECT_DIRECTORY": str(objects), "GIT_ALLOW_PROTOCOL": ""}
    return Place(folder, (*_config((*_SAFE, *_OWN)), f"--git-dir={folder}"), environment)


def with_remote(own: Place, url: str, protocols: str) -> Place:
    """The same, the URL behind the remote's name `site` and reached by these protocols alone."""
    # Git gives the URL to another program, on a command line that everybody on this machine may read: a password in it
    # goes by the environment, which is shown to nobody else, and to that server alone.
    plain, server, secrets = _apart(url)
    settings = {"remote.site.url": plain} | ({f"credential.{server}.helper": _HELPER} if secrets else {})
    named = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        named |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return Place(own.folder, own.arguments, {**own.environment, **named, **secrets, "GIT_ALLOW_PROTOCOL": protocols})


def _apart(url: str) -> tuple[str, str, dict[str, str]]:
    """The URL without its user and password, that of its server, and the environment that has the two; a user alone
    stays where it is."""
    found = _WITH_PASSWORD.fullmatch(url)
    if found is None:
        return url, "", {}
    scheme, user, password, server, path = found.groups()
    secrets = {"CMS_GIT_USER": unquote(user), "CMS_GIT_PASSWORD": unquote(password)}
    if not all(secret.isprintable() for secret in secrets.values()):
        raise NotReady("The remote's URL has a user or password with a line end in it.", code="git_remote")
    return f"{scheme}://{server}{path}", f"{scheme}://{server}", secrets


class Git:
    """`environment` is all that git and the programs it starts get from the service's: the search path, ssh's agent."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes", **environment, **_FIXED}
        self._program = shutil.which("git", path=environment.get("PATH"))

    def run(
        self,
        place: Place,
        *arguments: str,
        given: bytes | IO[bytes] = b"",
        timeout_s: float = LOCAL_S,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> bytes:
        """What the command says; `Unavailable` with git's own words when it fails."""
        done = self.attempt(place, *arguments, given=given, timeout_s=timeout_s, is_stopped=is_stopped)
        if done.status != 0:
            raise failed(arguments, done)
        return done.out

    def attempt(
        self,
        place: Place,
        *arguments: str,
        given: bytes | IO[bytes] = b"",
        timeout_s: float = LOCAL_S,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Done:
        """Run the command and return how it ended, failure included; `Unavailable` when it takes too long, or
        `is_stopped` says so."""
        if self._program is None:
            raise Unavailable("There is no program git.", code="git")
        process = subprocess.Popen(
            [self._program, *place.arguments, *arguments],
            cwd=place.folder,
            env={**self._environment, **place.environment},
            stdin=subprocess.PIPE if isinstance(given, bytes) else given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            out, error = _said(process, given if isinstance(given, bytes) else None, timeout_s, is_stopped)
        except BaseException as problem:
            # Those that it has started have to end with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(problem, subprocess.TimeoutExpired):
                why = "was broken off, for the service ends" if is_stopped() else f"took longer than {timeout_s:g} s"
                raise Unavailable(f"git {arguments[0]} {why}.", code="git") from problem
            raise
        return Done(process.returncode, out, redacted(error.decode(errors="replace")))


def _said(
    process: subprocess.Popen[bytes], given: bytes | None, timeout_s: float, is_stopped: Callable[[], bool]
) -> tuple[bytes, bytes]:
    """Return what the process writes until its end, and its errors; `TimeoutExpired` when it is to end before."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return process.communicate(given, timeout=max(0.0, min(LOOK_EVERY_S, deadline - time.monotonic())))
        except subprocess.TimeoutExpired:
            given = None  # it goes on with what it was given first
            if is_stopped() or time.monotonic() >= deadline:
                raise


def failed(arguments: Sequence[str], done: Done) -> Unavailable:
    said = " ".join(done.error.split())[:500] or f"ended with {done.status}"
    return Unavailable(f"git {arguments[0]}: {said}", code="git")


def redacted(text: str) -> str:
    """Without the user and password of URLs."""
    return _CREDENTIALS.sub("…", text)


def _config(pairs: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(part for name, value in pairs for part in ("-c", f"{name}={value}"))
