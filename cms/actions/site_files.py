"""A site's files, wherever it lies: brought from a folder into CMS_SITE, or from there into a folder.

What is there already stays; running it again goes on where it was broken off.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cms.actions.photo_files import local_copy
from cms.actions.reconcile import Progress, Reconciler
from cms.actions.seen import SCHEMAS
from cms.actions.start import settle
from cms.actions.transfer import Report, transfer
from cms.context import Context
from cms.errors import Invalid
from cms.model import ids
from cms.store import folder_of, open_store
from cms.store.base import ABSENT, Key, Stat, Store

FOLDERS = (SCHEMAS, ids.CONTENT, ids.ASSETS)
"""What a site is made of."""


class Files:
    """Those of the site at a URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store = open_store(url)
        self._hidden: dict[str, Store] = {}

    def place(self, key: Key) -> tuple[Store, Key]:
        """Where to write the file. Stores write nothing hidden: what `astro sync` writes beside the content lies in a
        store of its own. `Invalid` for what no site is made of."""
        hidden, _, below = key.partition("/")
        if not key.startswith(FOLDERS):
            raise Invalid(f"{key} is no file of a site.")
        if not hidden.startswith("."):
            return self._store, key
        if hidden not in self._hidden:
            url = f"{self._url}/{hidden}"
            if url.startswith("file:"):
                folder_of(url).mkdir(exist_ok=True)
            self._hidden[hidden] = open_store(url)
        return self._hidden[hidden], Key(below)


def push(ctx: Context, folder: Path, progress: Progress | None = None) -> Report:
    """Send the site in the folder to CMS_SITE, and take it over."""
    if not (folder / ids.CONTENT).is_dir():
        raise Invalid(f"{folder} has no folder {ids.CONTENT.rstrip('/')}; give the root of an Astro site.")
    report = _copy(ctx, folder.absolute().as_uri(), ctx.settings.site, progress)
    settle(Reconciler(ctx))
    return report


def pull(ctx: Context, folder: Path, progress: Progress | None = None) -> Report:
    """Bring the site at CMS_SITE into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return _copy(ctx, ctx.settings.site, folder.absolute().as_uri(), progress)


def _copy(ctx: Context, source: str, target: str, progress: Progress | None) -> Report:
    if source == target:
        raise Invalid("That is CMS_SITE itself; give another folder.")
    there = open_store(source)
    stats = sorted((stat for folder in FOLDERS for stat in there.list(folder)), key=lambda stat: stat.key)
    return transfer(stats, partial(_send, ctx, there, Files(target)), progress)


def _send(ctx: Context, source: Store, target: Files, stat: Stat) -> str:
    store, key = target.place(stat.key)
    with local_copy(source, stat.key) as (file, version), ctx.locks.hold([stat.key]):
        there = store.version(key)
        if there is None:
            store.write(key, file, expect=ABSENT)
            return "sent"
    return "same" if there == version else "another file has this path"
