"""A real browser, and a server for the pages that it is to see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from tests.components import has_module, program, require
from tests.loopback import answering

if TYPE_CHECKING:
    from playwright.sync_api import Page


@contextmanager
def chromium_page() -> Iterator[Page]:
    """A page of Chromium, without a window."""
    chromium = program("chromium")
    require(chromium and has_module("playwright"), "Chromium and playwright")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = driver.chromium.launch(executable_path=chromium, args=options)
        yield browser.new_page()
        browser.close()


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The URL under which the folder's files are served."""
    handler = partial(_QuietHandler, directory=str(folder))
    with answering(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as url:
        yield url


class _QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Tests look at what the browser got, not at a log."""
