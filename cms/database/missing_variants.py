"""The photos whose variants are still to be made, by the derived rows that say so."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, case, exists, select

from cms.database.changes import EDITORS
from cms.database.derived import images
from cms.database.images import Made
from cms.database.tables import changes

RECENT = 1000
"""Editors' uploads are looked for among so many of the latest photos: of a stock, some may have come after them."""


def are_since(tx: Connection, made: Made, seq: int) -> bool:
    """Return whether a photo that was changed after the seq in the log has none of this kind."""
    found = _missing(made).where(images.c.seq > seq)
    return bool(tx.execute(select(exists(found.subquery().select()))).scalar())


def most_urgent(tx: Connection, made: Made, limit: int) -> list[tuple[str, str]]:
    """Return paths and digests of photos: of the latest those that editors have changed, then all others; of either
    the latest first."""
    latest = _missing(made).order_by(images.c.seq.desc(), images.c.path.desc()).limit(max(RECENT, limit)).subquery()
    by_editor = case((changes.c.source.in_(EDITORS), 0), else_=1)
    found = select(latest.c.path, latest.c.sha256).join(changes, changes.c.seq == latest.c.seq, isouter=True)
    return _pairs(tx, found.order_by(by_editor, latest.c.seq.desc(), latest.c.path.desc()).limit(limit))


def oldest(tx: Connection, made: Made, limit: int) -> list[tuple[str, str]]:
    """Return paths and digests of photos, those first that have waited longest."""
    return _pairs(tx, _missing(made).order_by(images.c.seq, images.c.path).limit(limit))


def _missing(made: Made) -> Select[*tuple[Any, ...]]:
    columns = images.c.path, images.c.sha256, images.c.seq
    return select(*columns).where(images.c[made].is_(None), images.c.width.is_not(None))


def _pairs(tx: Connection, found: Select[*tuple[Any, ...]]) -> list[tuple[str, str]]:
    return [(row.path, row.sha256) for row in tx.execute(found)]
