"""Wires the parts together; nothing else does."""

from __future__ import annotations

import dataclasses
import logging
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from pythonjsonlogger.json import JsonFormatter

from cms.actions import last_used
from cms.actions.last_used import LastUsed
from cms.actions.reconcile import Progress
from cms.actions.start import prepare, stamp_of
from cms.context import Context
from cms.database import clock, heartbeats
from cms.database.engine import checked, open_engine
from cms.database.generation import watch
from cms.database.locks import FileLocks, Locks, PostgresLocks
from cms.settings import Settings, load
from cms.store import folder_of, open_store
from cms.store.private import FOLDER, PUBLIC_FOLDER, make_private
from cms.store.repository import Repository

if TYPE_CHECKING:
    from flask import Flask

    from cms.api.access_log import AccessLog
    from cms.api.gate import Admit

REVALIDATED = "no-cache"
"""For photos: another one may come to the same path."""

FOREVER = "public, max-age=31536000, immutable"
"""For variants: what lies under a digest never changes."""


def create_context(settings: Settings) -> Context:
    """The parts that the settings ask for; nothing is contacted yet."""
    folder = settings.own_folder
    if folder is not None and settings.is_site_folder:
        make_private(folder)
    site = open_store(settings.site)
    media = site if settings.media == settings.site else open_store(settings.media, cache_control=REVALIDATED)
    for url, mode in ((settings.variants, PUBLIC_FOLDER), (settings.private, FOLDER)):
        if url.startswith("file:"):
            folder_of(url).mkdir(mode=mode, parents=True, exist_ok=True)
    database = open_engine(settings.database, folder)
    return Context(
        settings=settings,
        site=site,
        media=media,
        variants=open_store(settings.variants, cache_control=FOREVER, is_private=not settings.is_media_apart),
        private=open_store(settings.private, is_private=True),
        database=database,
        generation=watch(database, settings.database),
        locks=_locks(settings),
        heartbeats=heartbeats.of(database, settings.own_folder),
        stamp=stamp_of(settings),
        repository=_repository(settings),
        clock=clock.of(database).due,
    )


def close_context(ctx: Context) -> None:
    """Let go of all connections."""
    ctx.generation.close()
    ctx.database.dispose()
    ctx.locks.close()


def _locks(settings: Settings) -> Locks:
    if settings.own_folder is None or settings.database.startswith("postgresql"):
        return PostgresLocks(settings.database)
    return FileLocks(settings.own_folder / "locks")


def _repository(settings: Settings) -> Repository | None:
    if settings.git == "off" or settings.own_folder is None:
        return None
    folder = folder_of(settings.site)
    return Repository(folder, settings.own_folder, settings.git_environment, settings.git_remote)


def create_app(
    settings: Settings | None = None, progress: Progress | None = None, leaving: threading.Event | None = None
) -> Flask:
    """The WSGI application of a site; makes its database ready first, which takes a while the first time. Once
    `leaving` is set, it says that it is not ready."""
    from cms.api import access_log, create_flask, service  # which commands and background work can do without

    settings = settings or load()
    context = create_context(settings)
    prepare(context, progress)
    app = put_together(create_flask(settings.limits), context, access_log.to_standard_error())
    app.extensions |= {last_used.NAME: LastUsed(context), service.LEAVING: leaving, service.STARTED: time.monotonic()}
    return app


def put_together(app: Flask, ctx: Context, log: AccessLog) -> Flask:
    """The routes with the parts that they run in, which are ready, with the gate and the memory in front of them."""
    from cms.api import access_log, traffic
    from cms.api.cache import Cache
    from cms.api.fast_path import FastPath
    from cms.api.gate import Gate
    from cms.api.last_resort import LastResort
    from cms.api.unread import reading_all

    told = traffic.Told(log, traffic.Traffic())
    checking = dataclasses.replace(ctx, database=checked(ctx.database))
    app.extensions |= {"cms": checking, access_log.NAME: log, traffic.NAME: told.traffic}
    if ctx.settings.public_read:
        app.wsgi_app = FastPath(app.wsgi_app, checking, told)  # type: ignore[method-assign, assignment]
    if ctx.settings.proxies:
        from werkzeug.middleware.proxy_fix import ProxyFix

        fixed = ProxyFix(app.wsgi_app, x_for=ctx.settings.proxies, x_proto=0, x_host=0)
        app.wsgi_app = fixed  # type: ignore[method-assign]
    gate: Admit = Gate(told)
    if ctx.settings.proxies:
        gate = reading_all(gate, ctx.settings.limits.form_bytes)
    if ctx.settings.cache_bytes:
        cache = Cache(app.wsgi_app, gate, ctx.generation, told, ctx.settings.cache_bytes)
        app.wsgi_app = cache  # type: ignore[method-assign, assignment]
    else:
        app.wsgi_app = partial(gate, app.wsgi_app)  # type: ignore[method-assign]
    app.wsgi_app = LastResort(app.wsgi_app, told)  # type: ignore[method-assign, assignment]
    return app


def log_as_json() -> None:
    """One JSON object a line, on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter("{asctime}{levelname}{name}{message}", style="{", rename_fields={"asctime": "time"})
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # else it has a line for whatever is saved
