"""Reads the settings from the environment, all at once; nothing else does.

Every mistake is reported together, in words that say what to write instead.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from cms.errors import Invalid
from cms.model.image import OWN_BASE
from cms.model.limits import MIB, Limits
from cms.variables import GitMode, Variables, zone_of

GIT_ENVIRONMENT: Final = (
    "PATH", "HOME", "USER", "TMPDIR", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GIT_SSH_COMMAND", "GIT_ASKPASS", "SSH_ASKPASS",
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
"""What git gets of the service's environment: where programs and credentials are, and how to reach the remote."""


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: environ[name] for name in GIT_ENVIRONMENT if name in environ}


@dataclass(frozen=True, slots=True)
class Settings:
    """`site`, `media` and `uploads` are store URLs (`file://…`, `s3://…`), `uploads` None for a private prefix of the
    media; a site in a bucket needs nothing of this machine, unless its database is a file. `media_url` is the public
    base of the media, `public_url` of this service, each None where there is none. `timezone` is an IANA name.
    `git_remote` is a URL, None for the one that the site's repository names; without a `git_hook_secret` there is no
    hook. `cache_bytes` is what each server process may keep of answers. All files are looked at every `scan_s` seconds,
    though the system tells of changes. So many `proxies` stand in front, each of which says in X-Forwarded-For who
    called it."""

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
    def is_site_folder(self) -> bool:
        return self.site.startswith("file:")

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
        return self.media if self.is_media_apart else self.state

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
        parent = self.media if self.is_media_apart and self.media.startswith("s3:") else self.state
        return f"{parent.rstrip('/')}/private"

    @property
    def state(self) -> str:
        """The URL of the store for what the service keeps beside the content, which git and lists leave out."""
        return f"{self.site}/.cms"

    @property
    def own_folder(self) -> Path | None:
        """Where lock files and the default database live; None where a bucket and a database server hold everything."""
        if self.is_site_folder:
            return Path(unquote(urlsplit(self.state).path))
        _, is_file, path = self.database.partition("sqlite:///")
        return Path(path).absolute().parent if is_file else None


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings that the environment asks for; `Invalid` with one problem for each thing wrong."""
    environ = os.environ if environ is None else environ
    reader = Variables(environ)
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
