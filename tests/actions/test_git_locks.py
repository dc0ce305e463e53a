"""While git is at work in a site's folder, what it has done so far is not believed."""

from __future__ import annotations

import time

from cms.actions.reconcile import Reconciler
from cms.context import Context
from tests.actions.test_reconcile import status, write
from tests.conftest import reconcile, site_of, with_sqlite


@with_sqlite
def test_nothing_is_believed_during_a_git_operation(ctx: Context) -> None:
    git = site_of(ctx) / ".git"
    git.mkdir()
    (git / "index.lock").touch()
    write(ctx, "news/en/x")
    time.sleep(0.05)
    assert Reconciler(ctx).run().unsettled
    assert status(ctx, "news/en/x") is None
    (git / "index.lock").unlink()
    reconcile(ctx)
    assert status(ctx, "news/en/x") == "published"
