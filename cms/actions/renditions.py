"""Makes the variants of photos, in the background: a photo is published at once, and its smaller copies soon after.

They are kept under the digest of the photo's bytes, so that the same photo is never worked on twice. Making them is no
change: nobody is told, and no version differs. AVIF takes four times as long as WebP, so it comes after all WebP.
"""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from cms.actions import absorb_images
from cms.actions.darkroom import Darkroom
from cms.actions.photo_files import delete_from, home, key_of, local_copy
from cms.context import Context
from cms.database import images
from cms.database.engine import read, write
from cms.database.images import Made
from cms.errors import BUSY, NotFound, Stale, Unavailable
from cms.model.image import variant_key
from cms.model.image_variants import NO_AVIF, NOTHING
from cms.model.photo_variants import name_of
from cms.model.variant_sizes import Kind
from cms.store.base import ABSENT, Key

log = logging.getLogger("cms.renditions")

NAMES: dict[Made, str] = {"rendition": "facts.json", "avif": "avif.json"}
"""Of the files that say what was made, written last of all: where they are, there are the variants."""

NONE: dict[Made, str] = {"rendition": NOTHING, "avif": NO_AVIF}
KINDS: dict[Made, Kind] = {"rendition": "webp", "avif": "avif"}
AT_ONCE = 20


def make(ctx: Context, is_stopped: Callable[[], bool] = lambda: False) -> int:
    """Make what is missing and nobody else is making, until told to stop; returns how often something was made."""
    done = 0
    with Darkroom(ctx.settings.limits) as darkroom:
        while (missing := _missing(ctx)) is not None:
            made, waiting = missing
            before = done
            for path, sha256 in waiting:
                if is_stopped():
                    return done
                done += _make_one(ctx, darkroom, path, sha256, made)
            if done == before:
                break
    return done


def _make_one(ctx: Context, darkroom: Darkroom, path: str, sha256: str, made: Made) -> bool:
    try:
        with ctx.locks.hold([variant_key(sha256, "")], wait_s=0):
            facts = _known(ctx, sha256, made) or _make(ctx, darkroom, path, sha256, made)
            with write(ctx.database) as tx:
                absorb_images.show_variants(ctx, tx, path, sha256, made, facts)
    except Unavailable as error:
        if error.code != BUSY:
            raise
        return False  # another node is at it
    return True


def discard(ctx: Context, sha256: str) -> None:
    """Remove the variants of these bytes, unless a photo has them."""
    # Whoever makes variants holds this too, and looks for them under it.
    with ctx.locks.hold([variant_key(sha256, "")]):
        with read(ctx.database) as tx:
            if images.has(tx, sha256):
                return
        keys = [stat.key for stat in ctx.variants.list(variant_key(sha256, ""))]
        # What says that there are variants goes first.
        for key in sorted(keys, key=lambda key: not key.endswith(".json")):
            delete_from(ctx.variants, key)


def _missing(ctx: Context) -> tuple[Made, list[tuple[str, str]]] | None:
    with read(ctx.database) as tx:
        for made in NAMES:
            if waiting := images.without(tx, made, AT_ONCE):
                return made, waiting
    return None


def _known(ctx: Context, sha256: str, made: Made) -> str | None:
    """The facts of variants that are there already, from another path or before the database was made anew."""
    data = ctx.variants.read(Key(variant_key(sha256, NAMES[made])))
    return None if data is None else data.decode()


def _make(ctx: Context, darkroom: Darkroom, path: str, sha256: str, made: Made) -> str:
    key = key_of(path)
    with ExitStack() as stack:
        try:
            photo, version = stack.enter_context(local_copy(home(ctx, key), key))
        except NotFound:
            return NONE[made]
        folder = photo.parent
        rendition = darkroom.render(photo, folder, KINDS[made]) if version == sha256 else None
        if rendition is None:
            log.warning("no %s can be made of %s", KINDS[made], path)
            return NONE[made]
        facts = json.dumps(dataclasses.asdict(rendition) if made == "rendition" else rendition.variants)
        for width, _, _ in rendition.variants:
            name = name_of(width, KINDS[made])
            _keep(ctx, sha256, name, folder / name)
        _keep(ctx, sha256, NAMES[made], facts.encode())
        return facts


def _keep(ctx: Context, sha256: str, name: str, data: bytes | Path) -> None:
    try:
        ctx.variants.write(Key(variant_key(sha256, name)), data, expect=ABSENT)
    except Stale:
        # Of an attempt that was broken off, or of another Pillow: any will do.
        log.debug("the variant %s/%s is there already", sha256, name)
