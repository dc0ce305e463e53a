"""Who may see an article: the one predicate that every list, feed, count and delivery goes by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Status = Literal["published", "draft", "broken"]


def status_of(data: Mapping[str, object]) -> Status:
    """What front matter says of itself; Astro's own convention is `draft: true`."""
    return "draft" if data.get("draft") is True else "published"


def is_visible(status: Status) -> bool:
    """Whether the public sees it."""
    return status == "published"
