"""The photos as the stores hold them: derived rows, replaced whole."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, func, select

from cms.database import batches, clock
from cms.database.batches import among, at, in_order, pairs
from cms.database.derived import article_images, articles, images
from cms.database.photo_visibility import ALL, PUBLIC, Sight, is_told_in, may_see
from cms.database.tables import AnyRow, draft_images
from cms.model.ids import ASSETS
from cms.model.image import Image, ImageFields

Made = Literal["rendition", "avif"]
"""What is made of a photo, and the column that says so."""


class Row(NamedTuple):
    """What the file is, its JSON, and where it stands."""

    image: Image
    shown: str
    visible: bool
    seq: int
    mark: str


def put(tx: Connection, row: Row) -> None:
    """Make the row say this."""
    remove(tx, row.image.path)
    add(tx, [row])


def add(tx: Connection, rows: Sequence[Row]) -> None:
    """As `put`, of photos that have no rows yet."""
    later = _later(tx) if any(map(_is_made, rows)) else None
    batches.add(tx, images, [_values(row, later) for row in rows])


def _is_made(row: Row) -> bool:
    return row.image.rendition is not None or row.image.avif is not None


def _later(tx: Connection) -> float:
    """Return the time, or one after all that was noted before, should the clock have been set back."""
    last: float | None = tx.execute(select(func.max(images.c.made_at))).scalar_one()
    return max(clock.now(tx), (last or 0.0) + 0.001)


def _values(row: Row, made_at: float | None) -> dict[str, Any]:
    image = row.image
    return {
        **{name: getattr(image, name) for name in image.__slots__},
        "fields": image.fields.to_json(),
        "visible": row.visible,
        "seq": row.seq,
        "mark": row.mark,
        "json": row.shown,
        "made_at": made_at if _is_made(row) else None,
    }


def remove(tx: Connection, path: str) -> None:
    tx.execute(delete(images).where(images.c.path == path))


def get(tx: Connection, path: str, sight: Sight = ALL) -> AnyRow | None:
    """The photo, if it is there for somebody of this sight."""
    return tx.execute(select(images).where(images.c.path == path, may_see(sight))).one_or_none()


def there(tx: Connection, paths: Collection[str], sight: Sight = ALL) -> set[str]:
    """Return the paths at which `get` finds photos."""
    found = (select(images.c.path).where(here, may_see(sight)) for here in among(images.c.path, paths))
    return {path for some in found for path in tx.execute(some).scalars()}


def hidden(tx: Connection, paths: Collection[str], sight: Sight) -> set[str]:
    """Return the paths at which there are hidden photos that somebody of this sight sees."""
    own = (images.c.visible.is_(False), may_see(sight))
    found = (select(images.c.path).where(here, *own) for here in among(images.c.path, paths))
    return {path for some in found for path in tx.execute(some).scalars()}


def facts_of(tx: Connection, paths: Collection[str | None], collection: str) -> dict[str, Image]:
    """The photos at these paths of which articles of the collection tell, by path."""
    wanted = [path for path in paths if path is not None]
    found = (select(images).where(here, is_told_in(collection)) for here in among(images.c.path, wanted))
    return {row.path: image_of(row) for some in found for row in tx.execute(some)}


def image_of(row: AnyRow) -> Image:
    values = {name: getattr(row, name) for name in Image.__slots__}
    return Image(**values | {"fields": ImageFields.from_json(row.fields)})


def made(tx: Connection, sight: Sight) -> float | None:
    """When variants of a photo that is there for somebody of this sight were last made."""
    moment: float | None = tx.execute(select(func.max(images.c.made_at)).where(may_see(sight))).scalar_one()
    return moment


def alike(tx: Connection, folder: str, digests: Collection[str], sight: Sight = ALL) -> dict[str, AnyRow]:
    """The photos directly in the folder that have these digests, by digest: those that somebody of this sight sees."""
    found = _in_folder(folder).where(images.c.sha256.in_(list(digests)), may_see(sight))
    rows = tx.execute(found.order_by(images.c.path.desc()))
    return {row.sha256: row for row in rows if row.path.rpartition("/")[0] == folder}


def names(tx: Connection, folder: str) -> set[str]:
    """The file names of the photos directly in the folder."""
    paths = tx.execute(_in_folder(folder).with_only_columns(images.c.path)).scalars()
    return {name for below, _, name in (path.rpartition("/") for path in paths) if below == folder}


def example(tx: Connection, *, visible: bool, base: str | None = None) -> AnyRow | None:
    """Return the first photo that is public, or the first that is hidden; of those that the public fetches from `base`
    if it is given. None when there is none."""
    found = select(images).where(images.c.visible if visible else ~images.c.visible)
    if base is not None:
        found = found.where(images.c.base == base)
    return tx.execute(found.order_by(images.c.path).limit(1)).one_or_none()


def digests(tx: Connection) -> set[str]:
    """Those of all photos."""
    return set(tx.execute(select(images.c.sha256).distinct()).scalars())


def files(tx: Connection) -> Iterator[AnyRow]:
    """Yield `path`, `sha256` and `mark` of each photo."""
    yield from tx.execute(select(images.c.path, images.c.sha256, images.c.mark))


def with_digest(tx: Connection, sha256: str) -> list[str]:
    """Return the paths of the photos of these bytes."""
    return list(tx.execute(select(images.c.path).where(images.c.sha256 == sha256)).scalars())


def has(tx: Connection, sha256: str, sight: Sight = ALL) -> bool:
    """Whether there is a photo of these bytes, as `get` has it."""
    return bool(tx.execute(select(exists().where(images.c.sha256 == sha256, may_see(sight)))).scalar())


def located(tx: Connection) -> list[str]:
    """The paths of photos that tell where they were taken."""
    return list(tx.execute(select(images.c.path).where(images.c.has_gps).order_by(images.c.path)).scalars())


def unreadable(tx: Connection) -> list[str]:
    """Return the paths of photos whose header cannot be read, in order."""
    found = select(images.c.path).where(images.c.width.is_(None), images.c.format != "svg")
    return list(tx.execute(found.order_by(images.c.path)).scalars())


def lacking(tx: Connection) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the paths of photos of which variants cannot be made, and these as the API names them."""
    found = select(images.c.path, images.c.json).where(images.c.json.contains('"variants_missing":[{', autoescape=True))
    for row in tx.execute(found.order_by(images.c.path)):
        yield row.path, json.loads(row.json)["variants_missing"]


def _in_folder(folder: str) -> Select[*tuple[Any, ...]]:
    return select(images).where(images.c.path.startswith(f"{folder}/", autoescape=True))


def marks(tx: Connection) -> dict[str, str]:
    """The store's mark of each photo as it was last read, by the key of its file."""
    return _by_key(pairs(tx, select(images.c.path, images.c.mark)))


def marks_in_order(tx: Connection, after: str) -> Generator[tuple[str, str], None, None]:
    """As `marks`, one after the other by the code points of the keys, of those after `after`."""
    found = in_order(tx, images.c.path, images.c.mark, after.removeprefix(ASSETS))
    yield from ((ASSETS + path, mark) for path, mark in found)


def marks_at(tx: Connection, places: Collection[str]) -> dict[str, str]:
    """As `marks`, of these files and of those below these folders, whose names end in a slash."""
    paths = [place.removeprefix(ASSETS) for place in places if place.startswith(ASSETS) and place != ASSETS]
    if any(ASSETS.startswith(place) for place in places):
        return marks(tx)
    found = (pairs(tx, select(images.c.path, images.c.mark).where(here)) for here in at(images.c.path, paths))
    return _by_key({path: mark for some in found for path, mark in some.items()})


def count(tx: Connection, *, besides: str) -> int:
    """How many there are whose marks do not begin so."""
    number: int = tx.execute(
        select(func.count()).where(~images.c.mark.startswith(besides, autoescape=True))
    ).scalar_one()
    return number


def _by_key(by_path: dict[str, str]) -> dict[str, str]:
    return {ASSETS + path: value for path, value in by_path.items()}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which photos a list holds: those in the folder (None for all), with `is_unused` those that no article and no
    working copy refers to. Photos, articles and copies count as far as somebody of this sight sees them."""

    folder: str | None = None
    is_unused: bool = False
    sight: Sight = PUBLIC


def page(tx: Connection, wanted: Wanted, after: str | None, limit: int | None) -> list[AnyRow]:
    """In the order of paths; all of them without a `limit`."""
    found = select(images).where(may_see(wanted.sight))
    folder, is_unused = wanted.folder, wanted.is_unused
    if is_unused:
        found = found.where(_is_unused(wanted.sight))
    if folder is not None:
        found = found.where(images.c.path.startswith(f"{folder.rstrip('/')}/", autoescape=True))
    if after is not None:
        found = found.where(images.c.path > after)
    return list(tx.execute(found.order_by(images.c.path).limit(limit)))


def unused(tx: Connection) -> list[str]:
    """The paths of photos that no article and no working copy refers to."""
    return list(tx.execute(select(images.c.path).where(_is_unused(ALL)).order_by(images.c.path)).scalars())


def _is_unused(sight: Sight) -> ColumnElement[bool]:
    """Whether somebody of this sight sees no article and no working copy that refers to a photo."""
    used = select(1).where(article_images.c.path == images.c.path)
    copied = select(1).where(draft_images.c.path == images.c.path)
    if sight.drafts_in is None:
        return ~exists(used) & ~exists(copied)
    seen = articles.c.visible | articles.c.collection.in_(sight.drafts_in)
    used = used.where(articles.c.key == article_images.c.key, seen)
    return ~exists(used) & ~exists(copied.where(draft_images.c.collection.in_(sight.drafts_in)))


def missing(tx: Connection) -> list[tuple[str, str]]:
    """Pairs of an article's key and a photo path it refers to that is not there."""
    found = (
        select(article_images.c.key, article_images.c.path)
        .join(images, images.c.path == article_images.c.path, isouter=True)
        .where(images.c.path.is_(None))
        .order_by(article_images.c.key, article_images.c.path)
    )
    return [(row.key, row.path) for row in tx.execute(found)]
