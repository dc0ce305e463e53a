"""Holds the parts of a running service together; it has no logic of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from cms.database.generation import Generation
from cms.database.heartbeats import Heartbeats
from cms.database.locks import Locks
from cms.settings import Settings
from cms.store.base import Store
from cms.store.repository import Repository


@dataclass(frozen=True, slots=True)
class Context:
    """`media` is where photos are written; they are read from it, then from `site`. `variants` holds smaller copies of
    them, `private` what nobody else may read. `generation` says whether the database was written to. `stamp` names how
    the derived tables are made. `repository` is where each write is committed, None when it is not. `clock`, in seconds
    since the epoch, says up to when things are due to be published or cleared away; rows have the time of
    `cms.database.clock`. `heartbeats` tells all processes whether background work is done."""

    settings: Settings
    site: Store
    media: Store
    variants: Store
    private: Store
    database: Engine
    generation: Generation
    locks: Locks
    heartbeats: Heartbeats
    stamp: str
    clock: Callable[[], float]
    repository: Repository | None = None
