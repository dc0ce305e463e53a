"""Does the same to many things so that none of them holds up the others."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

log = logging.getLogger("cms.apart")
T = TypeVar("T")
R = TypeVar("R")


def each_apart(things: Iterable[T], step: Callable[[T], R]) -> list[R]:
    """Return what `step` returns for each thing; raise its first exception once all have had their turn.

    Further exceptions are logged.
    """
    results: list[R] = []
    first: Exception | None = None
    for thing in things:
        try:
            results.append(step(thing))
        except Exception as error:
            if first is not None:
                log.exception("this failed, too")
            first = first or error
    if first is not None:
        raise first
    return results
