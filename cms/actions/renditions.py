"""Makes the variants of photos, in the background: a photo is published at once, and its smaller copies soon after.

They are kept under the digest of the photo's bytes, so that the same photo is never worked on twice. Making them is no
change: nobody is told, and no version differs.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from cms.actions import absorb_images
from cms.actions.darkroom import Darkroom
from cms.actions.photos import open_photo
from cms.context import Context
from cms.database import images
from cms.database.engine import read, write
from cms.errors import NotFound, Stale
from cms.model.image import NOTHING, variant_key
from cms.model.photo_variants import name_of
from cms.store.base import ABSENT, Key

log = logging.getLogger("cms.renditions")

FACTS = "facts.json"
AT_ONCE = 20


def make(ctx: Context, is_stopped: Callable[[], bool] = lambda: False) -> int:
    """Make what is missing, until told to stop; returns for how many photos."""
    done = 0
    with Darkroom(ctx.settings.limits) as darkroom:
        while waiting := _waiting(ctx):
            for path, sha256 in waiting:
                if is_stopped():
                    return done
                with ctx.locks.hold([f"variants/{sha256}"]):
                    facts = _known(ctx, sha256) or _made(ctx, darkroom, path, sha256)
                with write(ctx.database) as tx:
                    absorb_images.show_rendition(ctx, tx, path, sha256, facts)
                done += 1
    return done


def open_variant(ctx: Context, sha256: str, name: str) -> BinaryIO:
    """A variant's bytes as a stream that the caller closes; `NotFound` when there is none."""
    stream = ctx.variants.open(Key(variant_key(sha256, name)))
    if stream is None:
        raise NotFound("There is no such variant.")
    return stream


def _waiting(ctx: Context) -> list[tuple[str, str]]:
    with read(ctx.database) as tx:
        return images.without_rendition(tx, AT_ONCE)


def _known(ctx: Context, sha256: str) -> str | None:
    """The facts of variants that are there already, from another path or before the database was made anew."""
    data = ctx.variants.read(Key(variant_key(sha256, FACTS)))
    return None if data is None else data.decode()


def _made(ctx: Context, darkroom: Darkroom, path: str, sha256: str) -> str:
    with tempfile.TemporaryDirectory(prefix="cms-variants-") as folder:
        photo = Path(folder) / "photo"
        try:
            row, stream = open_photo(ctx, path)
        except NotFound:
            return NOTHING
        with stream, photo.open("wb") as out:
            shutil.copyfileobj(stream, out)
        rendition = darkroom.render(photo, Path(folder)) if row.sha256 == sha256 else None
        if rendition is None:
            return NOTHING
        facts = json.dumps(dataclasses.asdict(rendition))
        for width, _, _ in rendition.variants:
            _keep(ctx, sha256, name_of(width), Path(folder) / name_of(width))
        # Last of all: where the facts are, there are the variants.
        _keep(ctx, sha256, FACTS, facts.encode())
        return facts


def _keep(ctx: Context, sha256: str, name: str, data: bytes | Path) -> None:
    try:
        ctx.variants.write(Key(variant_key(sha256, name)), data, expect=ABSENT)
    except Stale:
        # Of an attempt that was broken off, or of another Pillow: any will do.
        log.debug("the variant %s/%s is there already", sha256, name)
