"""What clients were told, beside what the log says afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select

from cms.app import create_context
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import changes
from tests.conftest import close, make_settings


class Save(NamedTuple):
    """A save that was answered by 2xx: the article, the version that it named, and the one that it made."""

    name: str
    expect: str
    version: str


def check_chains(site: Path, saves: Iterable[Save]) -> None:
    """Every acknowledged save stands in the log, right after the version that it named.

    With compare-and-set alone as operation, and versions that are made once, this is the same as being linearisable:
    an article's history is a chain in which each version has one predecessor, and the log is that chain. It has the
    saves in an order that each client could have seen, since who names a version has seen it.
    """
    ctx = create_context(make_settings(site, f"sqlite:///{site}/.cms/cms.db"))
    try:
        chains = _chains(ctx)
    finally:
        close(ctx)
    told: set[tuple[str, str]] = set()
    for save in saves:
        assert (save.name, save.version) not in told, f"two saves made one version: {save}"
        told.add((save.name, save.version))
        chain = chains[save.name]
        assert save.version in chain, f"lost: {save}"
        before = chain[chain.index(save.version) - 1] if chain.index(save.version) else ""
        assert before == save.expect, f"{save} came after {before}"


def _chains(ctx: Context) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = select(changes).where(changes.c.subject == "article").order_by(changes.c.seq)
    with read(ctx.database) as tx:
        for row in tx.execute(query):
            found[f"{row.collection}/{row.name}"].append(row.version)
    return found
