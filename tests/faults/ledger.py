"""What clients asked for and were told, beside what the log and the files say afterwards."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path

from sqlalchemy import select

from cms.app import create_context
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import changes
from cms.store.base import Key
from tests.conftest import close, make_settings
from tests.faults.clients import Save, Seen


def check_chains(site: Path | str, saves: Iterable[Save], database: str | None = None) -> dict[str, list[str]]:
    """Every acknowledged save stands in the log, right after the version that it named; returns the versions of each
    article in the order of the log, of which the last is the file's.

    Where a save is a compare-and-set, and no version is made twice, that is all there is to show for the order of
    saves: an article's history is a chain in which each version has one predecessor, and two saves that named one
    version cannot both stand right after it.
    """
    with _looking_at(site, database) as ctx:
        chains = _chains(ctx)
        for name, chain in chains.items():
            data = ctx.site.read(Key(f"src/content/{name}.md")) or b""
            assert hashlib.sha256(data).hexdigest() == chain[-1], f"{name} is not what the log has last"
    told: set[tuple[str, str]] = set()
    for save in saves:
        assert (save.name, save.version) not in told, f"two saves made one version: {save}"
        told.add((save.name, save.version))
        chain = chains[save.name]
        assert save.version in chain, f"lost: {save}"
        place = chain.index(save.version)
        before = chain[place - 1] if place else ""
        assert before == save.expect, f"{save} came after {before}"
    return chains


def check_order(chains: dict[str, list[str]], seen: Sequence[Seen]) -> None:
    """No client saw an article go back, by the clock that all of them share.

    The log orders the versions of an article. A history of reads and writes fits that order, and so is linearisable,
    when whoever began after another had ended never saw less, and made more.
    """
    places = {(name, version): place for name, chain in chains.items() for place, version in enumerate(chain)}
    by_article: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        by_article[one.name].append(one)
    for history in by_article.values():
        ended = sorted(history, key=attrgetter("ended"))
        done, furthest, last = 0, -1, None
        for one in sorted(history, key=attrgetter("began")):
            while done < len(ended) and ended[done].ended < one.began:
                if (place := places[ended[done].name, ended[done].version]) > furthest:
                    furthest, last = place, ended[done]
                done += 1
            mine = places[one.name, one.version]
            assert mine > furthest if one.is_write else mine >= furthest, f"{one} came after {last}"


def chains_of(site: Path | str, database: str | None = None) -> dict[str, list[str]]:
    """By the site's own database, unless another is named."""
    with _looking_at(site, database) as ctx:
        return _chains(ctx)


@contextmanager
def _looking_at(site: Path | str, database: str | None = None) -> Iterator[Context]:
    ctx = create_context(make_settings(site, database or f"sqlite:///{site}/.cms/cms.db"))
    try:
        yield ctx
    finally:
        close(ctx)


def texts_of(site: Path, prefix: str) -> list[bytes]:
    """Of all changes of articles whose ids begin so."""
    with _looking_at(site) as ctx, read(ctx.database) as tx:
        query = select(changes.c.text).where(changes.c.name.startswith(prefix))
        return [bytes(text) for text in tx.execute(query).scalars() if text is not None]


def _chains(ctx: Context) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    query = select(changes).where(changes.c.subject == "article").order_by(changes.c.seq)
    with read(ctx.database) as tx:
        for row in tx.execute(query):
            chain = found[f"{row.collection}/{row.name}"]
            if not chain or chain[-1] != row.version:  # else the clock, or a photo, has changed what is shown of it
                chain.append(row.version)
    return found
