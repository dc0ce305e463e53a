"""S13: what the database refuses is logged without its values, which are secrets and unpublished texts."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError

from cms.context import Context
from cms.database.engine import read, write
from cms.database.tables import changes
from cms.model import article
from tests.conftest import both_databases
from tests.trust.refusals import refuse

SECRET = "unpublished-words"


def put(ctx: Context, row: dict[str, Any]) -> None:
    with write(ctx.database) as tx:
        tx.execute(insert(changes).values(row))


@both_databases
def test_a_refused_row_is_logged_without_its_values(ctx: Context, caplog: pytest.LogCaptureFixture) -> None:
    refuse(ctx, "changes", f"NEW.message LIKE '{SECRET}%'")
    with read(ctx.database) as tx:
        row = dict(tx.execute(select(changes).order_by(changes.c.seq.desc()).limit(1)).one()._mapping)
    row |= {"seq": row["seq"] + 1, "message": SECRET}
    with pytest.raises(DBAPIError) as caught:
        put(ctx, row)
    logging.getLogger("test").error("refused", exc_info=caught.value)
    assert SECRET not in caplog.text
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in article.unreadable(caught.value).detail
    assert "\n" not in article.unreadable(ValueError("one\ntwo")).detail
