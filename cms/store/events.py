"""Tells what may have changed in a directory, as the system reports it.

Symbolic links below the root are not followed, as the store does not: one to `/` would have the whole disk watched.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from watchfiles import Change, watch

from cms.errors import Unavailable
from cms.store.base import is_key

LOOK_EVERY_S = 0.25
GATHER_S = 0.4

_Standing = list[tuple[int, int] | None]


def changes(root: Path, folders: Sequence[str], stop: threading.Event) -> Iterator[set[str] | None]:
    """What may differ from now on in these folders below the root: keys of files, and folders with a slash at the end.

    None means anything, as at the beginning and whenever one of the folders comes or goes; an empty set comes often,
    and means nothing. Ends when `stop` is set; `Unavailable` when the system does not tell.
    """
    while not stop.is_set():
        standing = _standing(root, folders)
        try:
            yield from _until_moved(root, folders, standing, stop)
        except FileNotFoundError:
            stop.wait(LOOK_EVERY_S)  # it went while it was looked at
        except (RuntimeError, OSError) as error:
            raise Unavailable(f"The system does not tell of changed files: {error}.", code="watching") from error


def _until_moved(
    root: Path, folders: Sequence[str], standing: _Standing, stop: threading.Event
) -> Iterator[set[str] | None]:
    """While the folders stay where they are, and all that is in them can be watched as it was begun."""
    there = [root / name for name, one in zip(folders, standing, strict=True) if one is not None]
    below, has_links = _look_through(there)
    if not there:
        yield None
        while not stop.wait(LOOK_EVERY_S) and _standing(root, folders) == standing:
            yield set()
        return
    events = watch(
        *(below if has_links else there),
        watch_filter=None,
        debounce=round(GATHER_S * 1000),
        rust_timeout=round(LOOK_EVERY_S * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
        recursive=not has_links,
        ignore_permission_denied=True,
    )
    with closing(events):
        is_begun = False
        for found in events:
            places = _places(root, folders, found)
            yield places if is_begun else None
            is_begun = True
            has_more = has_links and any(place.endswith("/") and (root / place).is_dir() for place in places)
            if has_more or _standing(root, folders) != standing:
                return


def _standing(root: Path, folders: Iterable[str]) -> _Standing:
    """Which folders these are just now, None for those that are not there."""
    return [_identity(root / name) for name in folders]


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat(follow_symlinks=False)
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _look_through(folders: Iterable[Path]) -> tuple[list[Path], bool]:
    """All folders in them, themselves too, and whether there are symbolic links to others."""
    found, has_links = list(folders), False
    for folder in found:  # grows
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        found.append(Path(entry.path))
                    has_links |= entry.is_symlink()
        except OSError:
            continue  # what cannot be read is no content either
    return found, has_links


def _places(root: Path, folders: Sequence[str], found: Collection[tuple[Change, str]]) -> set[str]:
    places: set[str] = set()
    for change, path in found:
        key = Path(path).relative_to(root).as_posix()
        below = next((key[len(name) :] for name in folders if f"{key}/".startswith(f"{name}/")), None)
        if below is None or "/." in below or not is_key(key):
            continue
        if change == Change.deleted:
            places |= {key, f"{key}/"}  # nobody knows what it was
        else:
            places.add(f"{key}/" if Path(path).is_dir() else key)
    return places
