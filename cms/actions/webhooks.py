"""Makes, changes and removes webhooks. `deliver.py` tells them."""

from __future__ import annotations

import secrets
from typing import Any

from cms.actions.post import Bounds, check_url
from cms.context import Context
from cms.database import clock, feed, webhooks
from cms.database.engine import read, write
from cms.database.tables import AnyRow
from cms.errors import Invalid, NotFound
from cms.model import targets
from cms.model.signature import write_secret

ROTATION_S = 86_400.0
"""So long a secret goes on signing beside the one that took its place."""


def create(ctx: Context, values: dict[str, Any]) -> AnyRow:
    """A webhook that is told of what happens from now on. `values` has url, target, secret, ref, events, quiet_s and
    max_wait_s; a generic one without a secret is given one."""
    check_url(values["url"], bounds_of(ctx))
    _check(values["target"], values)
    secret = values["secret"] or (_new_secret() if values["target"] == "generic" else "")
    kept = {**values, "secret": secret, "events": " ".join(values["events"])}
    with write(ctx.database) as tx:
        _, seq = feed.position(tx, drafts=False)
        return webhooks.add(tx, {**kept, "id": secrets.token_hex(8), "seq": seq, "created_at": clock.now(tx)})


def change(ctx: Context, webhook_id: str, values: dict[str, Any]) -> AnyRow:
    """The webhook with these values in place of its own; where it was failing, it is tried at once."""
    if "url" in values:
        check_url(values["url"], bounds_of(ctx))
    with write(ctx.database) as tx:
        old = found(webhooks.get(tx, webhook_id))
        _check(old.target, {"secret": old.secret or None, "ref": old.ref, "events": old.events.split(), **values})
        if values:
            webhooks.change(tx, webhook_id, retry_at=0, **_kept(old, values, clock.now(tx)))
        return found(webhooks.get(tx, webhook_id))


def remove(ctx: Context, webhook_id: str) -> None:
    with write(ctx.database) as tx:
        if not webhooks.remove(tx, webhook_id):
            raise NotFound("There is no such webhook.")


def get(ctx: Context, webhook_id: str) -> AnyRow:
    with read(ctx.database) as tx:
        return found(webhooks.get(tx, webhook_id))


def bounds_of(ctx: Context) -> Bounds:
    """Where webhooks may lead to."""
    return Bounds(ctx.settings.webhooks_allow_private, ctx.settings.public_host)


def found(row: AnyRow | None) -> AnyRow:
    """The webhook; `NotFound` when there is none."""
    if row is None:
        raise NotFound("There is no such webhook.")
    return row


def _check(target: str, values: dict[str, Any]) -> None:
    problems = targets.problems(target, values["secret"], values["ref"], tuple(values["events"]))
    if problems:
        raise Invalid("The webhook cannot be like this.", problems=problems)


def _kept(old: AnyRow, values: dict[str, Any], now: float) -> dict[str, Any]:
    kept = dict(values)
    if "events" in values:
        kept["events"] = " ".join(values["events"])
    if "secret" in values:
        kept["secret"] = values["secret"] or (_new_secret() if old.target == "generic" else "")
        if old.target == "generic" and kept["secret"] != old.secret:
            kept |= {"old_secret": old.secret, "old_secret_until": now + ROTATION_S}
    return kept


def _new_secret() -> str:
    return write_secret(secrets.token_bytes(32))
