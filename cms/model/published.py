"""The bytes that are published: an article's JSON, serialised once, when it changes.

`api/schemas.py` describes them; `tests/api/test_published_bytes.py` holds the two together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cms.model import markdown, refs
from cms.model.article import Article
from cms.model.compression import compress, decompress
from cms.model.image import Image, attributes, facts, said_in
from cms.model.refs import Ref

HEAVY = ("body", "html", "headings")
"""What lists leave out unless asked."""

MEMBERS = (
    "collection", "id", "locale", "slug", "path", "format", "status", "publish_at", "data", "dates", "body", "html",
    "headings", "excerpt", "images", "translations", "problems", "version", "digest", "created_at", "updated_at",
)  # fmt: skip
"""All that an article may tell, in lists, too."""

LIVE_SINCE = "live_since"
"""What one article alone tells besides; the site's builds decide it, and so it is no part of the bytes kept."""

TRANSLATIONS = "translations"

FEED = (
    "collection", "id", "locale", "slug", "path", "format", "status", "data", "dates", "body", "images", "version",
    "digest",
)  # fmt: skip
"""What the feed holds unless asked for other fields."""

_OF_BYTES = ("version", "digest", "updated_at")

_EARLIEST_S = datetime.min.replace(tzinfo=UTC).timestamp()
_LATEST_S = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


class Bytes(NamedTuple):
    """An article's JSON as it is kept: `lean` is the object that lists show, `heavy` has the members of `HEAVY` one
    after the other, compressed; `lengths` is a JSON object of the characters of each member, in the order of all."""

    lean: str
    heavy: bytes
    lengths: str
    digest: str

    @property
    def json(self) -> str:
        return whole(self.lean, self.lengths, self.heavy)


def document(article: Article) -> dict[str, Any]:
    """The article's JSON without what others decide: facts of its photos, twins, times, digest."""
    problems = [{"pointer": p.pointer, "detail": p.detail, "code": p.code} for p in article.problems]
    return {
        "collection": article.collection,
        "id": article.id,
        "locale": article.locale,
        "slug": article.slug,
        "path": article.key,
        "format": article.format,
        "status": article.status,
        "data": article.data,
        "dates": list(article.dates),
        "body": article.body,
        "html": article.rendered.html,
        "headings": [{"depth": h.depth, "slug": h.slug, "text": h.text} for h in article.rendered.headings],
        "excerpt": article.rendered.excerpt,
        "images": [],
        "translations": [],
        **({} if article.due is None else {"publish_at": timestamp(article.due)}),
        **({"problems": problems} if problems else {}),
        "version": article.version,
    }


def place_photos(
    shown: dict[str, Any], mentions: Iterable[Ref], html: str | None, images: Mapping[str, Image], variants_base: str
) -> None:
    """Put what is known of the photos at hand into an article's JSON and its rendered body. Where the author wrote no
    alt text, the photo's own stands in. A body that is not rendered shows photos that are there alone."""
    locale = shown["locale"]

    def alt_of(image: Image | None) -> str | None:
        return None if image is None else said_in(image.fields.alt, locale)

    def of(source: str) -> dict[str, str] | None:
        found = next(refs.find_in_body([(source, "")], shown["body"], shown["path"]), None)
        image = None if found is None or found.path is None else images.get(found.path)
        if image is None:
            return None
        return {**attributes(facts(image, image.path, locale, variants_base)), "alt": alt_of(image) or ""}

    shown["images"] = [
        {"ref": ref.ref, "field": ref.field, "alt": ref.alt or alt_of(image) or ref.alt}
        | facts(image, ref.path, locale, variants_base)
        for ref in mentions
        for image in (images.get(ref.path or ""),)
        if image is not None or ref.field is not None or html is not None
    ]
    shown["html"] = None if html is None else markdown.place_images(html, of)


def place_twins(shown: dict[str, Any], twins: Iterable[tuple[str | None, str]]) -> None:
    """Name the article's visible translations, given as pairs of locale and id."""
    shown["translations"] = [{"locale": locale, "id": name} for locale, name in sorted(twins, key=lambda t: t[1])]


def dump(shown: dict[str, Any], created_at: float, updated_at: float) -> Bytes:
    """Serialise. The digest covers what a build shows: the file's bytes, its locale, its photos' versions, its
    translations."""
    photos = (f"{item['path']}={item['version']}" for item in shown["images"])
    twins = (f"{twin['locale']}={twin['id']}" for twin in shown["translations"])
    seen = [shown["version"], shown["id"], shown["locale"] or "", *photos, *twins]
    shown["digest"] = hashlib.sha256("\n".join(seen).encode()).hexdigest()[:32]
    shown["created_at"], shown["updated_at"] = timestamp(created_at), timestamp(updated_at)
    members = {name: f'"{name}":{to_json(value)}' for name, value in shown.items()}
    lean = [text for name, text in members.items() if name not in HEAVY]
    heavy = "".join(text for name, text in members.items() if name in HEAVY)
    lengths = (f'"{name}":{len(text)}' for name, text in members.items())
    return Bytes(_object(lean), compress(heavy), _object(lengths), shown["digest"])


def members_of(lean: str, lengths: str, heavy: bytes | None = None) -> dict[str, str]:
    """Return the members of an article's JSON by name, each as it is written there, which saves reading it; without
    `heavy`, those that lists show. Raise ValueError for damaged bytes."""
    rest = "" if heavy is None else decompress(heavy)
    found = {}
    start, rest_start = len("{"), 0
    for name, length in json.loads(lengths).items():
        if name not in HEAVY:
            found[name] = lean[start : start + length]
            start += length + len(",")
        elif heavy is not None:
            found[name] = rest[rest_start : rest_start + length]
            rest_start += length
    return found


def whole(lean: str, lengths: str, heavy: bytes) -> str:
    """Return all of an article's JSON; raise ValueError for damaged bytes."""
    return _object(members_of(lean, lengths, heavy).values())


def _object(members: Iterable[str]) -> str:
    return f"{{{','.join(members)}}}"


def is_alike(one: str, other: str) -> bool:
    """Whether a frontend shows two JSONs of an article alike: they differ in the file's bytes at most, not in what
    these say."""
    first, second = ({**json.loads(text), **dict.fromkeys(_OF_BYTES)} for text in (one, other))
    return first == second


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def to_json(value: Any) -> str:
    """The value in as few characters as it can be written in."""
    return "[]" if value == [] else _encode(value)  # many lists are empty, and the encoder takes long to begin


def timestamp(seconds: float) -> str:
    """Return the time (seconds since the epoch) in ISO 8601, in UTC; a time outside of years 1 to 9999 as the nearest
    one that can be written."""
    moment = datetime.fromtimestamp(min(max(_EARLIEST_S, seconds), _LATEST_S), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
