"""Headers that many answers have in common."""

from __future__ import annotations

import time

from cms.database.statements import Asked

VARY = "Authorization"
OF_AN_ARTICLE = f"{VARY}, Accept"
"""What an article's answer varies by: its file may be wanted in place of its JSON."""

REVALIDATED = "no-cache"

SECURITY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
POLICY = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of what is no page."""


def timing(asked: Asked, started: float) -> str:
    """`Server-Timing` in milliseconds: of the database, with how many statements there were, and of all since `started`
    (of `time.perf_counter`)."""
    took = (time.perf_counter() - started) * 1e3
    return f'db;dur={asked.seconds * 1e3:.2f};desc="{asked.number} statements", total;dur={took:.2f}'
