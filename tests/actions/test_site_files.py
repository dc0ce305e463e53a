"""A site goes from its folder into a bucket and back, byte for byte, and nobody takes that for an edit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from cms.actions import site_files
from cms.actions.archive import check
from cms.actions.backup import backup
from cms.actions.restore import restore
from cms.app import create_context
from cms.context import Context
from cms.database.engine import read
from cms.database.tables import changes
from cms.errors import Invalid
from tests.components import cms
from tests.conftest import close, make_client, make_context, make_settings, reconcile, site_of

SCHEMA = ".astro/collections/news.schema.json"


@pytest.fixture
def folder(light_site: Path) -> Path:
    """A site that has a schema where `astro sync` puts it."""
    beside = light_site / "src/content/news.schema.json"
    (light_site / SCHEMA).parent.mkdir(parents=True, exist_ok=True)
    beside.rename(light_site / SCHEMA)
    return light_site


@pytest.fixture
def bucket(s3_url: str, tmp_path: Path) -> str:
    """Where a site may come to lie."""
    return f"s3://sites/{tmp_path.name}/moved"


@pytest.fixture
def before(folder: Path, postgres_url: str) -> Iterator[Context]:
    """The site in its folder."""
    made = make_context(make_settings(folder, postgres_url))
    yield made
    close(made)


@pytest.fixture
def after(before: Context, bucket: str) -> Iterator[Context]:
    """The same database, with the site in the bucket."""
    made = make_context(make_settings(bucket, before.settings.database))
    yield made
    close(made)


def tree(folder: Path) -> dict[str, str]:
    files = (path for name in ("src", ".astro") for path in (folder / name).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def told(ctx: Context) -> int:
    with read(ctx.database) as tx:
        number: int = tx.execute(select(func.count()).select_from(changes)).scalar_one()
    return number


def test_a_site_goes_into_a_bucket_and_back_and_the_log_tells_of_nothing(
    before: Context, after: Context, folder: Path, tmp_path: Path
) -> None:
    whole, number = tree(folder), told(before)
    listed = make_client(before).get("/api/v1/articles?limit=100").json
    assert SCHEMA in whole
    sent = site_files.push(after, folder)
    assert (sent.sent, sent.same, sent.refused) == (len(whole), 0, [])
    assert tree(site_of(after)) == whole
    assert told(after) == number
    assert make_client(after).get("/api/v1/articles?limit=100").json == listed
    back = site_files.pull(after, tmp_path / "back")
    assert (back.sent, back.refused) == (len(whole), [])
    assert tree(tmp_path / "back") == whole


def test_what_is_there_stays_and_what_is_another_is_named(after: Context, folder: Path) -> None:
    site_files.push(after, folder)
    path = folder / "src/content/news/en/opening-day.md"
    path.write_bytes(path.read_bytes() + b"More.\n")
    kept = tree(site_of(after))
    again = site_files.push(after, folder)
    assert (again.sent, again.same) == (0, len(kept) - 1)
    assert again.refused == ["src/content/news/en/opening-day.md: another file has this path"]
    assert tree(site_of(after)) == kept


def test_a_folder_that_is_no_site_and_the_site_itself_are_refused(before: Context, tmp_path: Path) -> None:
    whole = tree(site_of(before))
    with pytest.raises(Invalid, match="has no folder src/content"):
        site_files.push(before, tmp_path)
    with pytest.raises(Invalid, match="CMS_SITE itself"):
        site_files.push(before, site_of(before))
    assert tree(site_of(before)) == whole


def test_a_site_in_a_bucket_comes_back_from_its_backup(after: Context, folder: Path, tmp_path: Path) -> None:
    site_files.push(after, folder)
    backup(after, tmp_path / "site.tar")
    there = create_context(make_settings(f"{after.settings.site}-again", f"sqlite:///{tmp_path}/again/cms.db"))
    restore(there, check(tmp_path / "site.tar"))
    assert tree(site_of(there)) == tree(folder)
    reconcile(there)
    assert told(there) == told(after)
    close(there)


def test_the_commands_say_what_they_did(folder: Path, bucket: str, postgres_url: str, tmp_path: Path) -> None:
    environment = {"CMS_SITE": bucket, "CMS_DATABASE": postgres_url}
    number = len(tree(folder))
    pushed = cms(folder, "site", "push", str(folder), **environment)
    assert (pushed.returncode, pushed.stdout) == (0, f"{number} sent, 0 the same already, 0 refused.\n")
    pulled = cms(folder, "site", "pull", str(tmp_path / "back"), **environment)
    assert (pulled.returncode, pulled.stdout) == (0, f"{number} sent, 0 the same already, 0 refused.\n")
    assert tree(tmp_path / "back") == tree(folder)
