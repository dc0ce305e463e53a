"""What each `CMS_…` variable says, and what is wrong with it, in words that say what to write instead."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Literal, cast, get_args
from urllib.parse import unquote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cms.errors import Problem
from cms.model.limits import Limits

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


def zone_of(name: str) -> tzinfo:
    """The time zone of this IANA name; `UTC` needs no database of them."""
    return UTC if name == "UTC" else ZoneInfo(name)


class Variables:
    """Each method reads one; mistakes are gathered in `problems`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[Problem] = []
        for name in sorted(environ):
            if name.startswith("CMS_") and not name.startswith("CMS_TEST_") and name not in NAMES:
                self._wrong(name, f"there is no such setting; there are {', '.join(OWN_NAMES)} and CMS_MAX_…")

    def site(self) -> str:
        value = self._environ.get("CMS_SITE", "content")
        parts = urlsplit(value)
        if parts.scheme == "s3" and parts.netloc:
            return value.rstrip("/")
        if parts.scheme not in ("", "file"):
            return self._wrong("CMS_SITE", "give a folder (a path or file://…) or s3://bucket/prefix")
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
        if value is None and site.startswith("s3:"):
            return self._wrong("CMS_DATABASE", "a site in a bucket needs one; give postgresql+psycopg://…")
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
        if value != "off" and site.startswith("s3:"):
            self._wrong("CMS_GIT", "a site in a bucket is in no git work tree; leave it off")
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
