"""A rename that is broken off is finished or undone, wherever it was broken off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from cms.context import Context
from cms.database import articles, history, intents
from cms.database.engine import read, write
from cms.model.ids import Name
from cms.store.base import ABSENT, Key, version_of
from tests.actions.test_reconcile import TEXT
from tests.conftest import both_databases, eventually, reconcile, site_of

pytestmark = both_databases
OLD, NEW = Key("src/content/news/en/x.md"), Key("src/content/news/en/y.md")
BEFORE, AFTER = TEXT.encode(), TEXT.replace("Body", "New body").encode()


def begin(ctx: Context) -> None:
    """The article is there, and somebody has written down that it gets another name and text."""
    ctx.site.write(OLD, BEFORE, expect=ABSENT)
    assert eventually(lambda: is_known(ctx)), "a bucket's list may lack for a moment what was just put into it"
    with write(ctx.database) as tx:
        intents.add(tx, "Dara", (OLD, version_of(BEFORE)), (NEW, version_of(AFTER)))


def is_known(ctx: Context) -> bool:
    reconcile(ctx)
    with read(ctx.database) as tx:
        return articles.by_key(tx, OLD) is not None


def ended(ctx: Context) -> tuple[list[str], list[str]]:
    """The files that are left, and who did what under the new id or else the old one."""
    reconcile(ctx)
    with read(ctx.database) as tx:
        assert intents.begun(tx) == []
        name = Name("news", "en/y") if articles.get(tx, Name("news", "en/y")) else Name("news", "en/x")
        rows = history.page(tx, name, before=None, limit=10)
    keys = [str(stat.key) for stat in ctx.site.list("src/content/news/en") if stat.key in (OLD, NEW)]
    return keys, [f"{row.actor} {row.action}" for row in rows]


def test_one_that_wrote_nothing_is_undone(ctx: Context) -> None:
    begin(ctx)
    assert ended(ctx) == ([OLD], ["files created"])


def test_one_that_wrote_the_new_file_is_finished(ctx: Context) -> None:
    begin(ctx)
    ctx.site.write(NEW, AFTER, expect=ABSENT)
    assert ended(ctx) == ([NEW], ["Dara created", "files created"])
    assert ctx.site.read(NEW) == AFTER


def test_one_that_removed_the_old_file_too_is_finished(ctx: Context) -> None:
    begin(ctx)
    ctx.site.write(NEW, AFTER, expect=ABSENT)
    ctx.site.delete(OLD, expect=version_of(BEFORE))
    assert ended(ctx) == ([NEW], ["Dara created", "files created"])


def test_an_edit_made_meanwhile_counts_and_the_copy_goes(ctx: Context) -> None:
    begin(ctx)
    ctx.site.write(NEW, AFTER, expect=ABSENT)
    edited = TEXT.replace("Body", "By hand").encode()
    ctx.site.write(OLD, edited, expect=version_of(BEFORE))
    assert ended(ctx) == ([OLD], ["files updated", "files created"])
    assert ctx.site.read(OLD) == edited


def test_what_somebody_else_put_at_the_new_place_stays(ctx: Context) -> None:
    begin(ctx)
    other = TEXT.replace("Body", "Another").encode()
    ctx.site.write(NEW, other, expect=ABSENT)
    assert ended(ctx) == ([OLD, NEW], ["files created"])
    assert ctx.site.read(NEW) == other


KILLED = """
import os, signal, sys
from cms.app import create_context
from cms.settings import load
from cms.actions import edit, save
from cms.actions.planning import Editing, plan_change
from cms.model.ids import Name
from cms.model.scopes import SERVICE
from cms.store import base

ctx = create_context(load())
steps = iter(range(100))
def after(step):
    def counted(*args, **named):
        result = step(*args, **named)
        if next(steps) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return counted
kind = type(ctx.site)
kind.write, kind.delete = after(kind.write), after(kind.delete)
make = edit.patch(body="New body.\\n", new_id="en/y")
plan = plan_change(ctx, Editing(SERVICE, Name("news", "en/x"), sys.argv[1]), make)
save.save(ctx, plan)
"""


@pytest.mark.parametrize(("step", "expected"), [(0, "y"), (1, "y"), (2, "y")])
def test_a_killed_process_leaves_one_article(ctx: Context, step: int, expected: str) -> None:
    ctx.site.write(OLD, BEFORE, expect=ABSENT)
    reconcile(ctx)
    environment = {**os.environ, "CMS_SITE": str(site_of(ctx)), "CMS_DATABASE": ctx.settings.database}
    command = [sys.executable, "-c", KILLED, version_of(BEFORE), str(step)]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False)
    assert done.returncode == (-signal.SIGKILL if step < 2 else 0), done.stderr.decode()
    keys, told = ended(ctx)
    assert keys == [f"src/content/news/en/{expected}.md"]
    assert told == ["cms created", "files created"]
    assert b"New body." in (ctx.site.read(NEW) or b"")
