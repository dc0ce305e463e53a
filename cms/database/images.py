"""The photos as the stores hold them: derived rows, replaced whole."""

from __future__ import annotations

import time
from collections.abc import Collection, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, exists, false, func, select
from sqlalchemy import true as always

from cms.database import batches
from cms.database.batches import at, in_order, pairs, present
from cms.database.derived import article_images, articles, images
from cms.database.tables import AnyRow, draft_images
from cms.model.ids import ASSETS
from cms.model.image import NOTHING, Image, ImageFields

_IS_UNUSED = images.c.path.not_in(select(article_images.c.path)) & images.c.path.not_in(select(draft_images.c.path))

Made = Literal["rendition", "avif"]
"""What is made of a photo, and the column that says so."""


DraftsIn = Sequence[str] | None
"""The collections whose drafts somebody may see; None for all of them. Photos that only drafts show go with these."""


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
    batches.add(tx, images, [_values(row) for row in rows])


def _values(row: Row) -> dict[str, Any]:
    image = row.image
    return {
        **{name: getattr(image, name) for name in image.__slots__},
        "fields": image.fields.to_json(),
        "visible": row.visible,
        "seq": row.seq,
        "mark": row.mark,
        "json": row.shown,
        "made_at": None if image.rendition is None and image.avif is None else time.time(),
    }


def remove(tx: Connection, path: str) -> None:
    tx.execute(delete(images).where(images.c.path == path))


def may_see(drafts_in: DraftsIn) -> ColumnElement[bool]:
    """Whether somebody who sees the drafts of these collections sees a photo."""
    if drafts_in is None:
        return always()
    own = articles.c.collection.in_(drafts_in)
    shown = exists(select(1).where(article_images.c.path == images.c.path, article_images.c.key == articles.c.key, own))
    held = exists(select(1).where(articles.c.key == images.c.sent_for, own))
    seen: ColumnElement[bool] = images.c.visible | (shown | held if drafts_in else false())
    return seen


def get(tx: Connection, path: str, drafts_in: DraftsIn = None) -> AnyRow | None:
    """The photo, if somebody who sees the drafts of these collections sees it."""
    return tx.execute(select(images).where(images.c.path == path, may_see(drafts_in))).one_or_none()


def there(tx: Connection, paths: Collection[str]) -> set[str]:
    """Those of the paths at which there are photos."""
    return present(tx, images.c.path, paths)


def facts_of(tx: Connection, paths: Collection[str | None]) -> dict[str, Image]:
    """The photos at these paths, those that are there."""
    wanted = [path for path in paths if path is not None]
    rows = tx.execute(select(images).where(images.c.path.in_(wanted))) if wanted else ()
    return {row.path: image_of(row) for row in rows}


def image_of(row: AnyRow) -> Image:
    values = {name: getattr(row, name) for name in Image.__slots__}
    return Image(**values | {"fields": ImageFields.from_json(row.fields)})


def without(tx: Connection, made: Made, limit: int, *, since: int = -1) -> list[tuple[str, str]]:
    """Paths and digests of photos, changed after `since` in the log, of which this was not made yet."""
    found = select(images.c.path, images.c.sha256).where(images.c[made].is_(None), images.c.width.is_not(None))
    found = found.where(images.c.seq > since)
    return [(row.path, row.sha256) for row in tx.execute(found.order_by(images.c.path).limit(limit))]


def made(tx: Connection) -> float | None:
    """When variants of a photo were last made."""
    moment: float | None = tx.execute(select(func.max(images.c.made_at))).scalar_one()
    return moment


def alike(tx: Connection, folder: str, digests: Collection[str]) -> dict[str, AnyRow]:
    """The photos directly in the folder that have these digests, by digest."""
    rows = tx.execute(_in_folder(folder).where(images.c.sha256.in_(list(digests))).order_by(images.c.path.desc()))
    return {row.sha256: row for row in rows if row.path.rpartition("/")[0] == folder}


def names(tx: Connection, folder: str) -> set[str]:
    """The file names of the photos directly in the folder."""
    paths = tx.execute(_in_folder(folder).with_only_columns(images.c.path)).scalars()
    return {name for below, _, name in (path.rpartition("/") for path in paths) if below == folder}


def digests(tx: Connection) -> set[str]:
    """Those of all photos."""
    return set(tx.execute(select(images.c.sha256).distinct()).scalars())


def has(tx: Connection, sha256: str, drafts_in: DraftsIn = None) -> bool:
    """Whether there is a photo of these bytes, as `get` has it."""
    return bool(tx.execute(select(exists().where(images.c.sha256 == sha256, may_see(drafts_in)))).scalar())


def located(tx: Connection) -> list[str]:
    """The paths of photos that tell where they were taken."""
    return list(tx.execute(select(images.c.path).where(images.c.has_gps).order_by(images.c.path)).scalars())


def bare(tx: Connection) -> list[str]:
    """The paths of photos of which no variants could be made."""
    found = select(images.c.path).where(images.c.rendition == NOTHING, images.c.width.is_not(None))
    return list(tx.execute(found.order_by(images.c.path)).scalars())


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
    found = (pairs(tx, select(images.c.path, images.c.mark).where(here)) for here in at(tx, images.c.path, paths))
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
    working copy refers to, as far as somebody who sees the drafts of these collections sees them."""

    folder: str | None = None
    is_unused: bool = False
    drafts_in: DraftsIn = ()


def page(tx: Connection, wanted: Wanted, after: str | None, limit: int | None) -> list[AnyRow]:
    """In the order of paths; all of them without a `limit`."""
    found = select(images).where(may_see(wanted.drafts_in))
    folder, is_unused = wanted.folder, wanted.is_unused
    if is_unused:
        found = found.where(_IS_UNUSED)
    if folder is not None:
        found = found.where(images.c.path.startswith(f"{folder.rstrip('/')}/", autoescape=True))
    if after is not None:
        found = found.where(images.c.path > after)
    return list(tx.execute(found.order_by(images.c.path).limit(limit)))


def unused(tx: Connection) -> list[str]:
    """The paths of photos that no article and no working copy refers to."""
    return list(tx.execute(select(images.c.path).where(_IS_UNUSED).order_by(images.c.path)).scalars())


def missing(tx: Connection) -> list[tuple[str, str]]:
    """Pairs of an article's key and a photo path it refers to that is not there."""
    found = (
        select(article_images.c.key, article_images.c.path)
        .join(images, images.c.path == article_images.c.path, isouter=True)
        .where(images.c.path.is_(None))
        .order_by(article_images.c.key, article_images.c.path)
    )
    return [(row.key, row.path) for row in tx.execute(found)]
