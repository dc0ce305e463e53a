"""What tests stand on: a copy of a site, its parts, a client, and the servers beside it."""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest
from flask import Flask
from flask.json.provider import DefaultJSONProvider
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import Engine, create_engine, select, text
from werkzeug.test import TestResponse

from cms.actions import darkroom, renditions, seen, tokens
from cms.actions import reconcile as reconcile_action
from cms.actions.reconcile import Reconciler, Report
from cms.actions.start import prepare, settle
from cms.api import create_flask, gate
from cms.api.access_log import AccessLog
from cms.app import close_context, create_context, put_together
from cms.context import Context
from cms.database import commits, search
from cms.database.derived import derived
from cms.database.engine import read
from cms.database.tables import kept
from cms.model.limits import Limits
from cms.model.scopes import SERVICE
from cms.settings import Settings
from cms.store import folder_of
from cms.store.s3_client import connect
from tests import compiled_sql, described, ready
from tests.astro_site import AstroSite, Package, build_once, pack
from tests.ceph import ceph_server
from tests.components import (
    ASTRO,
    NEEDED,
    CmsServer,
    cms_server,
    node_with_packages,
    s3_environment,
    s3_server,
)
from tests.counted import counted, pytest_terminal_summary  # noqa: F401
from tests.postgres import Packaged, postgres
from tests.receiver import Receiver, receiving
from tests.seaweedfs import seaweedfs_server
from tests.swift import swift_server
from tests.tiers import DATABASE, pytest_collection_modifyitems, pytest_testnodedown  # noqa: F401

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "tests/sample"
"""The site that tests copy: their own, since whoever tries the service edits the one in `content/`."""
SITES = "sites"
_buckets: list[Path] = []
REAL = Path(os.environ.get("CMS_TEST_SITE") or SAMPLE).resolve()


# Else each program that a test starts compiles all of our own code first.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
compiled_sql.share()

# What CI runs is the same each time; elsewhere every run tries other examples. None has to be fast.
slow = hypothesis.HealthCheck.too_slow
hypothesis.settings.register_profile("suite", derandomize=NEEDED, deadline=None, suppress_health_check=[slow])
hypothesis.settings.load_profile("suite")


def copy_site(source: Path, target: Path) -> Path:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".cms"), dirs_exist_ok=True)
    for path in [target, *target.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    return target


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as still after a moment; tests of stillness itself ask for the real time."""
    monkeypatch.setattr(reconcile_action, "STILL_S", 0.02)
    monkeypatch.setattr(seen, "RACY_S", 0.0)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd in this process is served, and a large photo read, however slow the machine is; what is too much, running
    servers are asked."""
    monkeypatch.setattr(gate, "MOMENT_S", 60.0)
    monkeypatch.setattr(darkroom, "MOST_WAIT_S", 600)


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A copy of the sample site; of a test for many nodes, in the folder that is the bucket `sites`."""
    if _is_for_sample(request) and _make_of(request) == "postgres":
        folder: Path = request.getfixturevalue("bucket_folder")
        yield (made := copy_site(SAMPLE, folder / SITES / tmp_path.name))
        shutil.rmtree(made)
    else:
        yield copy_site(SAMPLE, tmp_path / "site")


@pytest.fixture(scope="session")
def light_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample site with photos so small that no variants are made of them, to make copies from."""
    site = copy_site(SAMPLE, tmp_path_factory.mktemp("light") / "site")
    shrink(site, 60)
    return site


@pytest.fixture
def light_site(light_sample: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return copy_site(light_sample, tmp_path / "site")


def shrink(site: Path, width: int) -> None:
    """Make all photos so wide, or less."""
    for path in (site / "src/assets").rglob("*.*"):
        with Image.open(path) as photo:
            photo.thumbnail((width, width))
            photo.save(path)


@pytest.fixture
def content(more_content: Path, tmp_path: Path) -> Path:
    """A copy of the sample site, with more of what the Astro sites show and with smaller photos."""
    return copy_site(more_content, tmp_path / "content")


@pytest.fixture(scope="session")
def more_content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    site = copy_site(SAMPLE, tmp_path_factory.mktemp("more") / "content")
    shrink(site, 400)
    return shutil.copytree(ASTRO / "content", site, dirs_exist_ok=True)


@pytest.fixture(scope="session")
def still_cms(more_content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CmsServer]:
    """A CMS with such a site, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("still")
    with cms_server(copy_site(more_content, folder / "content"), folder / "cms.log", "--no-worker") as server:
        yield server


@pytest.fixture(scope="session")
def built(package: Package, still_cms: CmsServer) -> Callable[[int, str], AstroSite]:
    """Gives the Astro site of a version and a name, built from such a CMS."""
    return partial(build_once, package, url=still_cms.url)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample site that stays as it is."""
    return copy_site(SAMPLE, tmp_path_factory.mktemp("sample") / "site")


@pytest.fixture(scope="session")
def ready_file(sample: Path) -> Path:
    """An SQLite database that knows the sample site, to make copies from."""
    path = sample.parent / "ready.db"
    _take_in(sample, f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Engine]:
    """A PostgreSQL server, by a database in which nothing is."""
    with postgres(Packaged) as server:
        admin = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):  # nothing outlives the run
                connection.execute(text(f"ALTER SYSTEM SET {name} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield admin
        admin.dispose()


@contextmanager
def postgres_database(server: Engine, name: str, model: str = "template1") -> Iterator[str]:
    """A database of the server, for as long as the block: a copy of `model`. Gives its URL."""
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}" TEMPLATE "{model}"'))
        url = server.url.set(database=name).render_as_string(hide_password=False)
        yield url
        commits.file_of(url, None).unlink(missing_ok=True)
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))


@pytest.fixture(scope="session")
def ready_name(postgres_server: Engine, sample: Path) -> Iterator[str]:
    """The name of a PostgreSQL database that knows the sample site, to make copies from."""
    with postgres_database(postgres_server, "ready") as url:
        _take_in(sample, url)
        yield "ready"


def _take_in(site: Path, database_url: str) -> None:
    ctx = create_context(make_settings(site, database_url))
    prepare(ctx)
    ready.remember(ctx)
    close(ctx)


@pytest.fixture
def postgres_url(postgres_server: Engine, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A PostgreSQL database of its own, as `database_url` says."""
    model = request.getfixturevalue("ready_name") if _is_for_sample(request) else "template1"
    name = "t" + hashlib.sha256(str(tmp_path).encode()).hexdigest()[:16]
    with postgres_database(postgres_server, name, model) as url:
        yield url


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite, unless the test asks for both makes with `@both_databases`.

    It is empty, unless the test has the sample site as `ctx`: then it knows that site already.
    """
    if _make_of(request) == "postgres":
        found: str = request.getfixturevalue("postgres_url")
        return found
    if _is_for_sample(request):
        shutil.copy(request.getfixturevalue("ready_file"), tmp_path / "cms.db")
    return f"sqlite:///{tmp_path}/cms.db"


def _make_of(request: pytest.FixtureRequest) -> str:
    """The make of database that the test is for: one of both, or the one that the whole run is for."""
    callspec = getattr(request.node, "callspec", None)
    chosen: str = DATABASE if callspec is None else callspec.params.get("database_url", DATABASE)
    return chosen


def _is_for_sample(request: pytest.FixtureRequest) -> bool:
    return {"ctx", "site"} <= set(request.fixturenames)


# SQLite with a folder for a site, and PostgreSQL with a bucket.
both_databases = pytest.mark.parametrize("database_url", ["sqlite", "postgres"], indirect=True)

# What is of SQLite, or of a folder, alone; and what many nodes alone have.
with_sqlite, with_postgres = (
    pytest.mark.parametrize("database_url", [make], indirect=True) for make in ("sqlite", "postgres")
)


@pytest.fixture(scope="session")
def bucket_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the buckets `photos` and `sites`, and of nothing else: rclone lists it with each request."""
    folder = tmp_path_factory.mktemp("s3") / "buckets"
    for name in ("photos", SITES):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def s3_url(bucket_folder: Path) -> Iterator[str]:
    """A real S3 server with the buckets `photos` and `sites`, which boto3's own variables lead to."""
    with s3_server(bucket_folder) as url, pytest.MonkeyPatch.context() as patch:
        _buckets.append(bucket_folder)
        for name, value in s3_environment(url).items():
            patch.setenv(name, value)
        yield url


@pytest.fixture(scope="session")
def ceph_url() -> Iterator[str]:
    """Ceph's S3 server with the bucket `photos`."""
    with ceph_server() as url:
        _make_bucket(url)
        yield url


@pytest.fixture(scope="session")
def swift_url() -> Iterator[str]:
    """Swift's S3 server with the bucket `photos`."""
    with swift_server() as url:
        _make_bucket(url)
        yield url


@pytest.fixture(scope="session")
def seaweedfs_url() -> Iterator[str]:
    """SeaweedFS's S3 server with the bucket `photos`."""
    with seaweedfs_server() as url:
        _make_bucket(url)
        yield url


def _make_bucket(url: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_environment(url).items():
            patch.setenv(name, value)
        connect().create_bucket(Bucket="photos")


@pytest.fixture
def without_avif(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variants are WebP alone, which takes a fifth of the time."""
    monkeypatch.delitem(renditions.NAMES, "avif")


@pytest.fixture
def few_photos(ctx: Context, site: Path) -> None:
    """Of the sample's photos those four of `news/en/river-bus` are left."""
    for path in (site / "src/assets").rglob("*.*"):
        if path.parent.name != "river-bus":
            path.unlink()
    reconcile(ctx, accept_deletions=True)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture(scope="session")
def nodejs() -> str:
    """Node, with Astro and what comes with it."""
    return node_with_packages()


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Our npm package."""
    base = tmp_path_factory.getbasetemp()
    return pack((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "npm")


def site_of(ctx: Context) -> Path:
    """The folder that holds the site's files, behind the S3 server if need be."""
    url = urlsplit(ctx.settings.site)
    return buckets() / url.netloc / url.path.lstrip("/") if url.scheme == "s3" else folder_of(ctx.settings.site)


def buckets() -> Path:
    """The folder whose folders are the buckets of `s3_url`."""
    return _buckets[-1]


def make_settings(site: Path | str, database_url: str, **others: Any) -> Settings:
    url = site if isinstance(site, str) else site.as_uri()
    return Settings(**{"site": url, "media": url, "database": database_url, **others})


close = close_context


def make_context(settings: Settings) -> Context:
    """The parts of the site, its files taken in; the files are made old enough to be believed."""
    ctx = create_context(settings)
    prepare(ctx)
    ready.belong(ctx)
    return ctx


@pytest.fixture
def ctx(request: pytest.FixtureRequest, site: Path, database_url: str) -> Iterator[Context]:
    """The parts of the sample site: a folder with SQLite, or, as for many nodes, a bucket with PostgreSQL."""
    place: Path | str = site
    if site.parent.name == SITES:
        request.getfixturevalue("s3_url")
        place = f"s3://{SITES}/{site.name}"
    made = make_context(make_settings(place, database_url, webhooks_allow_private=True))
    assert eventually(lambda: made.generation.current() is not None)
    yield made
    close(made)


@pytest.fixture(params=["folder", "s3"])
def media_ctx(request: pytest.FixtureRequest, site: Path, database_url: str, tmp_path: Path) -> Iterator[Context]:
    """The sample site, its new photos going to the site itself or to a bucket."""
    media = {"media": f"s3://photos/{tmp_path.name}"} if request.param == "s3" else {}
    if media:
        request.getfixturevalue("s3_url")
    made = make_context(make_settings(site, database_url, **media))
    yield made
    close(made)


def make_client(ctx: Context, log: Callable[[bytes], object] = lambda _: None) -> FlaskClient:
    """A client of the whole application; `log` is given lines of the access log."""
    app = copy.copy(_flask(ctx.settings.limits))
    app.extensions = dict(app.extensions)
    return put_together(app, ctx, AccessLog(log)).test_client()


@cache
def _flask(limits: Limits) -> Flask:
    """The routes, which take longer to put together than most tests to ask for."""
    app = create_flask(limits)
    assert isinstance(app.json, DefaultJSONProvider)
    app.json.sort_keys = False  # the test client writes JSON by it
    app.test_client_class = ReadingClient
    return app


class ClosingClient(FlaskClient):
    """Reads each answer to its end and closes it, as a server does."""

    def open(self, *args: Any, **named: Any) -> TestResponse:
        return super().open(*args, **{"buffered": True, **named})


class ReadingClient(ClosingClient):
    """And finds it in the API's description."""

    def open(self, *args: Any, **named: Any) -> TestResponse:
        response = super().open(*args, **named)
        described.check(self.application, response)
        return response


@pytest.fixture
def client(ctx: Context) -> FlaskClient:
    """Requests to the sample site, by nobody in particular."""
    return make_client(ctx)


@pytest.fixture
def admin(ctx: Context) -> dict[str, str]:
    """The headers of somebody who may do everything."""
    return bearer(ctx, "admin")


def bearer(ctx: Context, *scopes: str) -> dict[str, str]:
    """The headers of somebody with these scopes."""
    return {"Authorization": f"Bearer {tokens.create(ctx, SERVICE, 'editor', scopes)[1]}"}


def reconcile(ctx: Context, **options: Any) -> Report:
    """Take over what changed in the files, as `cms sync` does."""
    return settle(Reconciler(ctx), **options)


def state_of(ctx: Context) -> dict[str, str]:
    """All that a refused request must leave alone: every file, every object, and every table's rows."""
    found: dict[str, str] = {}
    places = {"site": (ctx.site, "src"), "media": (ctx.media, "src"), "variants": (ctx.variants, "variants")}
    places |= {folder: (ctx.private, folder) for folder in ("uploads", "trash", "originals")}
    for name, (store, folder) in places.items():
        for stat in store.list(folder):
            found[f"{name}:{stat.key}"] = hashlib.sha256(store.read(stat.key) or b"").hexdigest()
    with read(ctx.database) as tx:
        tables = {table.name: select(table) for table in [*kept.sorted_tables, *derived.sorted_tables]}
        tables[search.NAME] = select(search.words.c.key, search.words.c.shelf, search.words.c.texts)
        for name, query in tables.items():
            rows = sorted(repr(tuple(row)) for row in tx.execute(query))
            found[f"table:{name}"] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
            found[f"count:{name}"] = str(len(rows))
    return found


def eventually(check: Any, timeout_s: float = 120) -> Any:
    """The first true answer of `check`, or its last."""
    deadline = time.monotonic() + timeout_s
    while not (answer := check()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer


@pytest.fixture
def can_interrupt() -> Iterator[None]:
    """A shell has what it runs in the background ignore SIGINT, and programs inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
