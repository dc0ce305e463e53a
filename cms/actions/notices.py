"""Says what the operator has to know or decide, in `/readyz` and once in the log, until it is settled."""

from __future__ import annotations

import logging

from cms.actions import clock_steps, heartbeat, reserve
from cms.actions.heartbeat import Alert
from cms.context import Context
from cms.database import clock, driver_causes, file, notices
from cms.database.engine import read, write
from cms.errors import DATABASE_LOST, database_lost
from cms.outages import outages
from cms.store.base import Trouble, trouble_at

log = logging.getLogger("cms.notices")

_NO_RESERVE = (
    "The disk has less than 8 MiB left, and nothing is kept in hand for deletions: they fail when it is full. Make room"
    " on it."
)


def troubles(ctx: Context) -> list[Trouble]:
    """Return what does not work just now, such as writing, as far as this process knows."""
    found = [store.trouble() for store in (ctx.site, ctx.media, ctx.variants, ctx.private)]
    if ctx.settings.own_folder is not None:
        found.append(trouble_at(str(ctx.settings.own_folder)))
    if (since := file.gone_since(ctx.database)) is not None:
        found.append(Trouble(DATABASE_LOST, database_lost().detail, since, driver_causes.of_loss(ctx.database)))
    elif (outage := outages.current(driver_causes.place_of(ctx.database))) is not None:
        found.append(Trouble(outage.code, "The database does not answer as it should.", outage.since, outage.cause))
    return list({(one.code, one.cause if one.code == "storage" else None): one for one in found if one}.values())


def database_silent_since(ctx: Context) -> float | None:
    """Return since when the database has not answered this process, in seconds since the epoch; None when it does."""
    outage = outages.current(driver_causes.place_of(ctx.database))
    return None if outage is None else outage.since


def all_of(ctx: Context, started: float | None) -> list[Alert]:
    """Return the kept notices, and what ails clocks and the background work, as `heartbeat.alerts` has it."""
    with read(ctx.database) as tx:
        kept = [Alert(row.name, row.detail, row.since) for row in notices.all_of(tx)]
    own = clock_steps.alerts(ctx)
    if reserve.is_lacking(ctx):
        own.append(Alert("reserve_missing", _NO_RESERVE, clock.of(ctx.database)()))
    seen = {alert.name for alert in own}
    return [*(alert for alert in kept if alert.name not in seen), *own, *heartbeat.alerts(ctx, started)]


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
