"""Makes the variants of photos, in the background: a photo is published at once, and its smaller copies soon after.

They are kept under the digest of the photo's bytes, so that the same photo is never worked on twice. Making them is no
change: nobody is told, and no version differs. AVIF takes four times as long as WebP, so it comes after all WebP.
What comes next is decided anew before each photo: an editor's upload goes before a stock that came with the files.
"""

from __future__ import annotations

import dataclasses
import io
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from cms.actions import absorb_images
from cms.actions.darkroom import Darkroom
from cms.actions.photo_files import delete_from, home, key_of, local_copy
from cms.context import Context
from cms.database import images, missing_variants
from cms.database.engine import read, write
from cms.database.images import Made
from cms.errors import BUSY, NotFound, Stale, Unavailable
from cms.model.image import variant_key
from cms.model.image_variants import NO_AVIF, NOTHING
from cms.model.photo_variants import looks_as_before, name_of
from cms.model.variant_sizes import Kind
from cms.store.base import ABSENT, Key, version_of

log = logging.getLogger("cms.renditions")

NAMES: dict[Made, str] = {"rendition": "facts-2.json", "avif": "avif-2.json"}
"""Of the files that say what was made, written last of all: where they are, there are the variants."""

NAMES_BEFORE: dict[Made, str] = {"rendition": "facts.json", "avif": "avif.json"}
"""The same from the time when some kinds of photo lost their look; of all others they still hold."""

NONE: dict[Made, str] = {"rendition": NOTHING, "avif": NO_AVIF}
KINDS: dict[Made, Kind] = {"rendition": "webp", "avif": "avif"}
AT_ONCE = 20
"""So many photos are looked through for one that nobody else is at."""

OLDEST_EVERY = 4
"""One photo in so many is the one that has waited longest: a stock gets done, however many uploads come."""

MOST_FAILED = 1000


class Missing(NamedTuple):
    """A photo, by its path and the digest of its bytes, and what is to be made of it."""

    path: str
    sha256: str
    made: Made


@dataclass(slots=True)
class Lane:
    """Makes variants of one photo after the other, of these kinds; several may work side by side. Remembers which
    photos have failed, so that they come after all others."""

    ctx: Context
    kinds: Sequence[Made]
    _turn: int = 0
    _failed: set[Missing] = field(default_factory=set)

    def run(self, is_stopped: Callable[[], bool]) -> int:
        """Make what is missing and nobody else is making, until told to stop; returns how often something was made.

        Raises the first failure; the next call goes on with the other photos.
        """
        done = 0
        with Darkroom(self.ctx.settings.limits, is_stopped) as darkroom:
            while self._make_next(darkroom, is_stopped):
                done += 1
        return done

    def _make_next(self, darkroom: Darkroom, is_stopped: Callable[[], bool]) -> bool:
        """Make what is most urgent; False when there is nothing, or no time."""
        self._turn += 1
        for missing in self._waiting():
            if is_stopped():
                return False
            try:
                if _make_one(self.ctx, darkroom, missing):
                    self._failed.discard(missing)
                    return True
            except Exception:
                self._failed = {missing, *(self._failed if len(self._failed) < MOST_FAILED else ())}
                raise
        return False

    def _waiting(self) -> Iterator[Missing]:
        """Yield the most urgent photos first, and last those that have failed."""
        again: list[Missing] = []
        for made in self.kinds:
            with read(self.ctx.database) as tx:
                limit, is_turned = AT_ONCE + len(self._failed), self._turn % OLDEST_EVERY == 0
                find = missing_variants.oldest if is_turned else missing_variants.most_urgent
                waiting = [Missing(path, sha256, made) for path, sha256 in find(tx, made, limit)]
            again += [one for one in waiting if one in self._failed]
            yield from (one for one in waiting if one not in self._failed)
        yield from again


def make(ctx: Context, is_stopped: Callable[[], bool] = lambda: False) -> int:
    """Make all that is missing, as `Lane.run` does."""
    return Lane(ctx, list(NAMES)).run(is_stopped)


def _make_one(ctx: Context, darkroom: Darkroom, missing: Missing) -> bool:
    path, sha256, made = missing
    try:
        with ctx.locks.hold([variant_key(sha256, "")], wait_s=0):
            facts = _known(ctx, path, sha256, made) or _make(ctx, darkroom, path, sha256, made)
            with write(ctx.database) as tx:
                absorb_images.show_variants(ctx, tx, path, sha256, made, facts)
        with read(ctx.database) as tx:
            is_gone = not images.has(tx, sha256)
        if is_gone:
            discard(ctx, sha256)
    except Unavailable as error:
        if error.code != BUSY:
            raise
        return False  # another lane is at it, and sees when the photo is gone
    return True


def discard(ctx: Context, sha256: str, wait_s: float | None = None) -> None:
    """Remove the variants of these bytes, unless a photo has them; `Unavailable` (busy) while variants are made for
    longer than `wait_s`. The lane that makes them removes them then."""
    with ctx.locks.hold([variant_key(sha256, "")], wait_s):
        with read(ctx.database) as tx:
            if images.has(tx, sha256):
                return
        keys = [stat.key for stat in ctx.variants.list(variant_key(sha256, ""))]
        # What says that there are variants goes first.
        for key in sorted(keys, key=lambda key: not key.endswith(".json")):
            delete_from(ctx.variants, key)


def _known(ctx: Context, path: str, sha256: str, made: Made) -> str | None:
    """Return the facts of variants that are there already: from another path, or from before the tables were made."""
    data = ctx.variants.read(Key(variant_key(sha256, NAMES[made]))) or _known_before(ctx, path, sha256, made)
    return None if data is None else data.decode()


def _known_before(ctx: Context, path: str, sha256: str, made: Made) -> bytes | None:
    """Return the facts of variants that an earlier version made and that still hold; they are kept as this version's,
    so that the photo is read but once for this."""
    data, key = ctx.variants.read(Key(variant_key(sha256, NAMES_BEFORE[made]))), key_of(path)
    if data is None:
        return None
    with home(ctx, key).open(key) or io.BytesIO() as stream:
        if version_of(stream) != sha256 or not looks_as_before(stream):
            return None
    _keep(ctx, sha256, NAMES[made], data)
    return data


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
        kept = [(*one, *_keep_variant(ctx, sha256, folder, name_of(one[0], KINDS[made]))) for one in rendition.variants]
        facts = json.dumps(dataclasses.asdict(rendition) | {"variants": kept} if made == "rendition" else kept)
        _keep(ctx, sha256, NAMES[made], facts.encode())
        return facts


def _keep_variant(ctx: Context, sha256: str, folder: Path, name: str) -> tuple[str, ...]:
    """Keep the file; where other bytes have its name already, keep it under another name and return that one, for
    what has an address never changes."""
    if _keep(ctx, sha256, name, folder / name):
        return ()
    other = name.replace(".", "-2.")
    _keep(ctx, sha256, other, folder / name)
    return (other,)


def _keep(ctx: Context, sha256: str, name: str, data: bytes | Path) -> bool:
    """Keep the data; return whether they have that name now."""
    key = Key(variant_key(sha256, name))
    try:
        ctx.variants.write(key, data, expect=ABSENT)
    except Stale:
        return ctx.variants.version(key) == version_of(data)
    return True
