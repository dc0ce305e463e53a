"""Compares what the service reads of a file with what Astro reads of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cms.errors import Invalid
from cms.model import article, document
from cms.model.document import Document
from cms.model.limits import Limits
from tests.content.verdict import plain

COLLECTION = "src/content/corpus/"
LIMITS = Limits()


@dataclass(frozen=True)
class Reading:
    """What became of one file: `verdict` is one word of the report, `detail` says what is different.

    `document` is there when the service reads the file.
    """

    path: str
    verdict: str
    detail: str
    document: Document | None
    has_same_id: bool = True


def compared(path: str, data: bytes, site: dict[str, Any]) -> Reading:
    """Compare the file's front matter, body and id with what Astro makes of it (`site`)."""
    try:
        found = document.read(data, LIMITS.front_matter)
    except Invalid as error:
        problem = error.problems[0] if error.problems else None
        detail = f"{problem.code}: {problem.detail}" if problem else error.detail
        return Reading(path, "both refuse" if "error" in site else "broken here alone", detail, None)
    if "error" in site:
        return Reading(path, "read here alone", site["error"], None)
    if plain(found.data) != plain(site["data"]):
        return Reading(path, "other values", f"{found.data!r}, there {site['data']!r}"[:400], found)
    if not is_same_body(site["body"], found.content):
        return Reading(path, "other body", "", found)
    own = article.read(COLLECTION + path, data, "", LIMITS)
    if own.status == "broken":
        problems = "; ".join(f"{problem.code}: {problem.detail}" for problem in own.problems)
        return Reading(path, "broken here alone", problems, None)
    has_same_id = own.id == site.get("id")
    detail = "" if has_same_id else f"{own.id!r}, there {site.get('id', site.get('idError'))!r}"
    return Reading(path, "the same", detail, found, has_same_id)


def is_same_body(one: str, other: str) -> bool:
    """Compare two bodies but for the blank lines around them, and for the byte order mark that Astro leaves there."""
    return one.removeprefix("\ufeff").strip() == other.strip()
