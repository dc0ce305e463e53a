"""A stock of photos whose variants are in the making, and the order in which they are made."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image
from sqlalchemy import select

from cms.actions.renditions import Lane
from cms.context import Context
from cms.database.derived import images
from cms.database.engine import read
from cms.database.images import Made


def lay(site: Path, count: int, folder: str = "stock", size: tuple[int, int] = (40, 30), start: int = 0) -> None:
    """Write so many photos by hand, all different."""
    place = site / "src/assets" / folder
    place.mkdir(parents=True, exist_ok=True)
    for number in range(start, start + count):
        Image.new("RGB", size, (number % 256, number // 256, 77)).save(place / f"{number:03}.png")


def grainy(path: Path, size: tuple[int, int]) -> None:
    """Write a photo of random dots, which takes long to encode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.frombytes("RGB", size, os.urandom(3 * size[0] * size[1])).save(path, quality=90)


def have(ctx: Context, made: Made = "rendition") -> set[str]:
    """Return the paths of the photos of which this was made."""
    with read(ctx.database) as tx:
        return set(tx.execute(select(images.c.path).where(images.c[made].is_not(None))).scalars())


def in_order(ctx: Context, between: Callable[[int], None], kinds: Sequence[Made] = ("rendition",)) -> list[str]:
    """Make all that is missing; `between` is called before each photo with the number of those that are made so far.
    Return the paths in the order in which they were made, those of AVIF with a star."""
    before, order, told = _named(ctx, kinds), list[str](), set[int]()

    def look() -> bool:
        order.extend(sorted(_named(ctx, kinds) - before - set(order)))
        if len(order) not in told:  # it is asked while a photo takes long, too
            told.add(len(order))
            between(len(order))
        return False

    Lane(ctx, kinds).run(look)
    look()
    return order


def _named(ctx: Context, kinds: Sequence[Made]) -> set[str]:
    return {path + ("" if made == "rendition" else "*") for made in kinds for path in have(ctx, made)}
