"""How often something may be done: writes by token, failed authentication by address; each server process counts alone.

An address is the connection's own, or with CMS_PROXIES what the outermost of them says; what other headers say of it
counts for nothing. A token that is valid is never refused
for what others at the same address do.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from dataclasses import dataclass

from flask import current_app, request

from cms.errors import TooMany
from cms.model.limits import Limits

NAME = "rates"
"""Under which they stand among the application's extensions."""
MOST_KEYS = 10_000


class Rate:
    """At most `most` in `period_s` by each, and as many at once."""

    def __init__(self, most: int, period_s: float) -> None:
        self._each_s = period_s / most
        self._period_s = period_s
        self._free_at: dict[str, float] = {}  # when all that was done is as good as not done
        self._lock = threading.Lock()

    def take(self, key: str) -> float:
        """Do it once: 0 when that is allowed, else in how many seconds it will be."""
        now = time.monotonic()
        with self._lock:
            free_at = max(self._free_at.get(key, now), now) + self._each_s
            if free_at > now + self._period_s + 1e-6:
                return free_at - now - self._period_s
            self._free_at[key] = free_at
            if len(self._free_at) > MOST_KEYS:
                self._free_at = dict(sorted(self._free_at.items(), key=lambda item: item[1])[MOST_KEYS // 2 :])
        return 0.0


@dataclass(frozen=True, slots=True)
class Rates:
    writes: Rate
    failures: Rate


def of(limits: Limits) -> Rates:
    return Rates(Rate(limits.writes_per_second, 1.0), Rate(limits.auth_failures_per_minute, 60.0))


def count_write(token_id: str) -> None:
    """`TooMany` when the token has written too often."""
    _check(_rates().writes.take(token_id), "This token writes too often; see Retry-After.")


def count_failure() -> None:
    """`TooMany` when too much that came from the client's address was not valid."""
    _check(_rates().failures.take(_address()), "Too many requests with no valid token came from your address.")


def _check(wait_s: float, detail: str) -> None:
    if wait_s:
        raise TooMany(detail, retry_after_s=math.ceil(wait_s))


def _rates() -> Rates:
    found: Rates = current_app.extensions[NAME]
    return found


def _address() -> str:
    """The client's; of IPv6 the network, all of whose addresses one client may have."""
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
    except ValueError:
        return ""
    return str(address) if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))
