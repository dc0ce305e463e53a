"""Reads the settings from the environment, all at once; nothing else does.

Every mistake is reported together, in words that say what to write instead.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Final, Literal, cast, get_args
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cms.errors import Invalid, Problem
from cms.model.image import OWN_BASE
from cms.model.limits import MIB, Limits

SECRET_CHARACTERS = 16

OWN_NAMES = (
    "CMS_SITE",
    "CMS_MEDIA",
    "CMS_MEDIA_URL",
    "CMS_UPLOADS",
    "CMS_KEEP_ORIGINALS",
    "CMS_DATABASE",
    "CMS_PUBLIC_URL",
    "CMS_PUBLIC_READ",
    "CMS_TIMEZONE",
    "CMS_GIT",
    "CMS_GIT_REMOTE",
    "CMS_GIT_HOOK_SECRET",
    "CMS_WEBHOOKS_ALLOW_PRIVATE",
    "CMS_CACHE_MB",
    "CMS_SCAN_S",
    "CMS_PROXIES",
)
NAMES = (*OWN_NAMES, *(f"CMS_MAX_{limit.name.upper()}" for limit in fields(Limits)))

GitMode = Literal["off", "commit", "push"]

GIT_ENVIRONMENT: Final = (
    "PATH", "HOME", "USER", "TMPDIR", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What git gets of the service's environment: where programs and credentials are, and how to reach the remote."""


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in GIT_ENVIRONMENT if name in environ}


def zone_of(name: str) -> tzinfo:
    """The time zone of this IANA name; `UTC` needs no database of them."""
    return UTC if name == "UTC" else ZoneInfo(name)


@dataclass(frozen=True, slots=True)
class Settings:
    """`site`, `media` and `uploads` are store URLs (`file://…`, `s3://…`), `uploads` None for a private prefix of the
    media; `media_url` is the public base of the media, `public_url` of this service, each None where there is none.
    `timezone` is an IANA name. `git_remote` is a URL, None for the one that the site's repository names; without a
    `git_hook_secret` there is no hook. `cache_bytes` is what each server process may keep of answers. All files
    are looked at every `scan_s` seconds, though the system tells of changes. So many `proxies` stand in front, each of
    which says in X-Forwarded-For who called it."""

    site: str
    media: str
    database: str
    media_url: str | None = None
    public_url: str | None = None
    uploads: str | None = None
    keep_originals: bool = False
    public_read: bool = True
    timezone: str = "UTC"
    webhooks_allow_private: bool = False
    cache_bytes: int = 64 * MIB
    scan_s: int = 10
    proxies: int = 0
    git: GitMode = "off"
    git_remote: str | None = field(default=None, repr=False)
    git_hook_secret: str | None = field(default=None, repr=False)
    git_environment: Mapping[str, str] = field(default_factory=lambda: git_environment(os.environ), repr=False)
    limits: Limits = field(default_factory=Limits)

    @property
    def site_folder(self) -> Path:
        return Path(unquote(urlsplit(self.site).path))

    @property
    def public_host(self) -> str | None:
        """The name by which the public reaches this service, when that is known."""
        return None if self.public_url is None else urlsplit(self.public_url).hostname

    @property
    def zone(self) -> tzinfo:
        """The site's time zone, in which its days begin."""
        return zone_of(self.timezone)

    @property
    def is_media_apart(self) -> bool:
        """Whether photos are written to another place than the site."""
        return self.media != self.site

    @property
    def media_base(self) -> str:
        """Where the public fetches photos of the media store; those that lie in the site alone come from here."""
        return self.media_url or OWN_BASE

    @property
    def variants(self) -> str:
        """The URL of the store for photos' variants: beside the photos, but never in the site itself."""
        return self.media if self.is_media_apart else self.state_folder.as_uri()

    @property
    def variants_base(self) -> str:
        """Where the public fetches variants."""
        return self.media_base if self.is_media_apart else OWN_BASE

    @property
    def private(self) -> str:
        """The URL of the store for what nobody but this service may read: uploads under way, the trash, originals."""
        if self.uploads is not None:
            return self.uploads
        # A folder of photos may well be served to the public as it is.
        parent = self.media if self.media.startswith("s3:") else self.state_folder.as_uri()
        return f"{parent.rstrip('/')}/private"

    @property
    def state_folder(self) -> Path:
        """Where lock files and the default database live; ignored by git."""
        return self.site_folder / ".cms"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment asks for; `Invalid` with one problem for each thing wrong."""
    environ = os.environ if environ is None else environ
    reader = _Reader(environ)
    site = reader.site()
    settings = Settings(
        site=site,
        media=reader.store("CMS_MEDIA") or site,
        uploads=reader.store("CMS_UPLOADS"),
        keep_originals=reader.boolean("CMS_KEEP_ORIGINALS", default=False),
        database=reader.database(site),
        media_url=reader.media_url(),
        public_url=reader.public_url(),
        public_read=reader.boolean("CMS_PUBLIC_READ", default=True),
        timezone=reader.timezone(),
        webhooks_allow_private=reader.boolean("CMS_WEBHOOKS_ALLOW_PRIVATE", default=False),
        cache_bytes=reader.number("CMS_CACHE_MB", 64) * MIB,
        scan_s=reader.number("CMS_SCAN_S", 10, least=1),
        proxies=reader.number("CMS_PROXIES", 0),
        git=reader.git(site),
        git_remote=environ.get("CMS_GIT_REMOTE") or None,
        git_hook_secret=reader.secret("CMS_GIT_HOOK_SECRET"),
        git_environment=git_environment(environ),
        limits=reader.limits(),
    )
    if reader.problems:
        lines = "\n".join(f"  {problem.pointer}: {problem.detail}" for problem in reader.problems)
        raise Invalid(f"The settings cannot be used:\n{lines}", code="settings", problems=reader.problems)
    return settings


class _Reader:
    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []
        for name in sorted(environ):
            if name.startswith("CMS_") and not name.startswith("CMS_TEST_") and name not in NAMES:
                self._wrong(name, f"there is no such setting; there are {', '.join(OWN_NAMES)} and CMS_MAX_…")

    def site(self) -> str:
        value = self._environ.get("CMS_SITE", "content")
        parts = urlsplit(value)
        if parts.scheme not in ("", "file"):
            return self._wrong("CMS_SITE", "give a folder: a path or file://…")
        folder = Path(unquote(parts.path)).absolute()
        if not (folder / "src" / "content").is_dir():
            return self._wrong("CMS_SITE", f"{value} has no folder src/content; give the root of an Astro site")
        return folder.as_uri()

    def store(self, name: str) -> str | None:
        value = self._environ.get(name)
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme == "s3" and parts.netloc:
            return value
        if parts.scheme in ("", "file"):
            return Path(unquote(parts.path)).absolute().as_uri()
        return self._wrong(name, "give a folder or s3://bucket/prefix")

    def media_url(self) -> str | None:
        value = self._environ.get("CMS_MEDIA_URL")
        if value is not None and not value.startswith(("https://", "http://", "/")):
            return self._wrong("CMS_MEDIA_URL", "give the public base of the photos, such as https://cdn.example.org")
        return value.rstrip("/") if value else None

    def public_url(self) -> str | None:
        value = self._environ.get("CMS_PUBLIC_URL")
        if value is None:
            return None
        if not re.fullmatch(r"https?://([\w-]+(\.[\w-]+)*|\[[\da-f:]+\])(:\d{1,5})?(/[\w.~/-]*)?", value, re.ASCII):
            return self._wrong("CMS_PUBLIC_URL", "give the address of this service, such as https://cms.example.org")
        return value.rstrip("/")

    def database(self, site: str) -> str:
        value = self._environ.get("CMS_DATABASE")
        if value is None:
            return f"sqlite:///{Path(unquote(urlsplit(site).path)) / '.cms' / 'cms.db'}"
        if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            return self._wrong("CMS_DATABASE", "give sqlite:///path or postgresql+psycopg://…")
        return value

    def git(self, site: str) -> GitMode:
        value = self._environ.get("CMS_GIT", "off")
        if value not in get_args(GitMode):
            self._wrong("CMS_GIT", "write off, commit or push")
            return "off"
        folder = Path(unquote(urlsplit(site).path))
        if value != "off" and not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
            self._wrong("CMS_GIT", "the site is in no git work tree; leave it off, or run git init and commit there")
        if value != "off" and shutil.which("git", path=self._environ.get("PATH")) is None:
            self._wrong("CMS_GIT", "there is no program git; install it, or leave it off")
        return cast(GitMode, value)

    def secret(self, name: str) -> str | None:
        value = self._environ.get(name)
        if value is not None and len(value) < SECRET_CHARACTERS:
            self._wrong(name, f"give at least {SECRET_CHARACTERS} characters, as `openssl rand -hex 32` does")
        return value

    def timezone(self) -> str:
        value = self._environ.get("CMS_TIMEZONE", "UTC")
        try:
            zone_of(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            self._wrong("CMS_TIMEZONE", "name a time zone that this system knows, such as Asia/Phnom_Penh")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self._environ.get(name)
        if value is None:
            return default
        if value.lower() not in ("true", "false"):
            self._wrong(name, "write true or false")
        return value.lower() == "true"

    def limits(self) -> Limits:
        return Limits(
            **{
                limit.name: self.number(f"CMS_MAX_{limit.name.upper()}", cast(int, limit.default), least=1)
                for limit in fields(Limits)
            }
        )

    def number(self, name: str, default: int, *, least: int = 0) -> int:
        value = self._environ.get(name)
        if value is None:
            return default
        if value.isascii() and value.isdecimal() and least <= int(value) < 2**40:
            return int(value)
        self._wrong(name, f"write a whole number, at least {least}")
        return default

    def _wrong(self, name: str, detail: str) -> str:
        self.problems.append(Problem(name, detail, "setting"))
        return ""
