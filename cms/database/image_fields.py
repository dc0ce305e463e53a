"""What people say of photos, by path: kept rows."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from cms.database.batches import among, pairs
from cms.database.tables import image_fields
from cms.model.image import UNSAID, ImageFields


def get(tx: Connection, path: str) -> ImageFields:
    text = tx.execute(select(image_fields.c.fields).where(image_fields.c.path == path)).scalar()
    return UNSAID if text is None else ImageFields.from_json(text)


def of(tx: Connection, paths: Collection[str]) -> dict[str, ImageFields]:
    """Of those of the photos of which something was said, by path."""
    columns = image_fields.c.path, image_fields.c.fields
    found = (pairs(tx, select(*columns).where(here)) for here in among(image_fields.c.path, paths))
    return {path: ImageFields.from_json(text) for some in found for path, text in some.items()}


def put(tx: Connection, path: str, said: ImageFields) -> None:
    remove(tx, path)
    tx.execute(insert(image_fields).values(path=path, fields=said.to_json()))


def remove(tx: Connection, path: str) -> None:
    tx.execute(delete(image_fields).where(image_fields.c.path == path))
