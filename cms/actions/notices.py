"""Says what the operator has to know or decide, in `/readyz` and once in the log, until it is settled."""

from __future__ import annotations

import logging

from cms.context import Context
from cms.database import notices
from cms.database.engine import read, write

log = logging.getLogger("cms.notices")


def tell(ctx: Context, name: str, detail: str | None) -> None:
    """The notice says this from now on; with None it is settled."""
    with read(ctx.database) as tx:
        known = {row.name: row.detail for row in notices.all_of(tx)}.get(name)
    if known == detail:
        return
    with write(ctx.database) as tx:
        if detail is None:
            notices.remove(tx, name)
        else:
            notices.put(tx, name, detail)
    if known is None:
        log.error(detail)
