"""Makes editors' photos fit to be public, several at once. What was sent is kept, if the settings ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cms.actions.darkroom import Darkroom, darkrooms
from cms.actions.photo_files import check_private
from cms.context import Context
from cms.model import photo
from cms.model.image import Image
from cms.model.photo import Facts
from cms.store.base import ABSENT, Key, Version, version_of

ORIGINALS = "originals"


@dataclass(frozen=True, slots=True)
class Upload:
    """A photo as an editor sent it, in a file that is the caller's to remove; `where` points to it in the request."""

    name: str
    path: Path
    where: str = ""


@dataclass(frozen=True, slots=True)
class Developed:
    """A photo fit to be public, in a file beside the one that was sent."""

    upload: Upload
    path: Path
    facts: Facts
    version: Version

    def as_image(self, path: str) -> Image:
        facts = self.facts
        return Image(path, self.version, self.path.stat().st_size, facts.width, facts.height, facts.format)


def developed(ctx: Context, files: Sequence[Upload]) -> list[Developed]:
    """The photos fit to be public; raises what `Darkroom.prepare` raises, and `TooLarge`."""
    most = ctx.settings.limits.photo_bytes
    for file in files:
        if (size := file.path.stat().st_size) > most:
            raise photo.too_large(file.where, f"{file.name} has {size} bytes or more; at most {most} are accepted")
    idle: SimpleQueue[Darkroom] = SimpleQueue()

    def develop(file: Upload) -> Developed:
        darkroom = idle.get()
        try:
            target = file.path.with_suffix(".ready")
            facts = darkroom.prepare(file.path, target, file.name, file.where)
            return Developed(file, target, facts, version_of(target))
        finally:
            idle.put(darkroom)

    with darkrooms(ctx.settings.limits, len(files)) as rooms, ThreadPoolExecutor(len(rooms)) as pool:
        for room in rooms:
            idle.put(room)
        return list(pool.map(develop, files))


def keep_original(ctx: Context, path: str, file: Upload) -> None:
    """What was sent, untouched, where only the operator finds it; if the settings ask for it."""
    if not ctx.settings.keep_originals:
        return
    check_private(ctx)
    key = Key(f"{ORIGINALS}/{path}/{version_of(file.path)}")
    if ctx.private.stat(key) is None:
        ctx.private.write(key, file.path, expect=ABSENT)
