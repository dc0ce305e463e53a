"""How a file's path becomes an article's id, exactly as Astro does it, and what a new id may look like."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Literal, NamedTuple, get_args

from cms.errors import Problem
from cms.model.limits import Limits
from cms.model.slugger import slug

CONTENT = "src/content/"
ASSETS = "src/assets/"
INDEX = "index"
EXTENSION = ".md"
MDX = ".mdx"
MOST_ID_BYTES = 1000
"""An id has at most so many bytes, as a file's key does."""
EXTENSIONS = (EXTENSION, ".markdown", ".mdown", ".mkdn", ".mkd", ".mdwn", MDX)
"""The endings of files that Astro takes for Markdown, and MDX."""

Format = Literal["md", "mdx"]
FORMATS: tuple[Format, ...] = get_args(Format)

IGNORABLE = "\u00ad\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
"""Characters that nobody sees, as they stand in a regular expression's class."""

_IGNORED = re.compile(f"[{IGNORABLE}]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


class Name(NamedTuple):
    """What an article is called: its collection, and its id in it."""

    collection: str
    id: str

    def __str__(self) -> str:
        return f"{self.collection}/{self.id}"


def id_of(path: str) -> str:
    """Return the id of the file at `path` below its collection, `slug` in its front matter aside.

    It is Astro's id, and empty when no character of the path may stand in an id.
    """
    segments = path.removesuffix(extension_of(path)).split("/")
    return "/".join(slug(segment) for segment in segments).removesuffix("/index")


def is_article(key: str) -> bool:
    """Return whether the file is Markdown or MDX in a collection that Astro's pattern `**/[^_]*.{md,mdx}` finds.

    It finds no file whose name begins with `_`, and neither files nor folders that begin with a dot.
    """
    collection, _, path = key.removeprefix(CONTENT).partition("/")
    is_markdown = key.startswith(CONTENT) and path.endswith(EXTENSIONS)
    is_hidden = collection.startswith("_") or path.rpartition("/")[2].startswith("_") or "/." in key
    return is_markdown and not is_hidden


def is_in_collection(key: str) -> bool:
    """Return whether the file lies in a collection's folder and is not hidden."""
    return key.startswith(CONTENT) and "/" in key[len(CONTENT) :] and "/." not in key


def split_key(key: str) -> tuple[str, str]:
    """An article's key as its collection and the path below it."""
    collection, path = key.removeprefix(CONTENT).split("/", 1)
    return collection, path


def extension_of(key: str) -> str:
    """Return the ending of an article's file; empty when it has none of an article."""
    return next((ending for ending in EXTENSIONS if key.endswith(ending)), "")


def format_of(key: str) -> Format:
    """Return whether an article's file is Markdown or MDX."""
    return "mdx" if key.endswith(MDX) else "md"


def key_of(name: Name, extension: str = EXTENSION) -> str:
    """Return where a new article's file goes."""
    return f"{CONTENT}{name}{extension}"


def moved_key(key: str, new_id: str) -> str:
    """Return where the article's file goes when it gets another id; `x/index.md` stays an index."""
    collection, path = split_key(key)
    extension = extension_of(path)
    tail = "/index" if path.endswith("/index" + extension) else ""
    return f"{CONTENT}{collection}/{new_id}{tail}{extension}"


def fold(text: str) -> str:
    """Equal for two names that some file system or reader takes for the same (case, Unicode form, invisibles)."""
    return unicodedata.normalize("NFC", _IGNORED.sub("", unicodedata.normalize("NFKC", text)).casefold())


def bounded(text: str) -> str:
    """Return text that stands for the text in an index: the text itself or, of one that has more than MOST_ID_BYTES
    bytes, a digest."""
    data = text.encode()
    return text if len(data) <= MOST_ID_BYTES else hashlib.sha256(data).hexdigest()


def check_new_id(article_id: str, limits: Limits) -> list[Problem]:
    """What is wrong with an id that a new article is to have; empty when nothing is."""
    return [problem for segment in article_id.split("/") for problem in _check_segment(segment, limits)]


def _check_segment(segment: str, limits: Limits) -> list[Problem]:
    def wrong(detail: str, code: str) -> list[Problem]:
        return [Problem("/id", detail, code)]

    if not segment or slug(segment) != segment or segment != unicodedata.normalize("NFC", segment):
        return wrong("use lower-case letters, digits and dashes, with / between segments", "slug")
    if segment.startswith(("_", "-")) or _RESERVED.fullmatch(segment) or segment == "index":
        return wrong(f"{segment!r} is a reserved name; choose another", "slug_reserved")
    if len(segment) > limits.slug_characters or len(segment.encode()) > limits.slug_bytes:
        limit = f"{limits.slug_characters} characters and {limits.slug_bytes} bytes"
        return wrong(f"a segment holds at most {limit}; shorten it", "slug_too_long")
    return []


def new_slug(title: str, limits: Limits) -> str:
    """A slug for a title: short enough, cut between clusters; empty when the title has no letters."""
    text = re.sub("-{2,}", "-", slug(unicodedata.normalize("NFC", title))).strip("-_")
    return cut(text, limits.slug_characters - 4, limits.slug_bytes - 4).strip("-_")


def cut(text: str, characters: int, size: int | None = None) -> str:
    """The longest start of `text` within both limits (`size` in UTF-8 bytes) that does not split a cluster."""
    end = min(len(text), characters)
    while size is not None and len(text[:end].encode()) > size:
        end -= 1
    while 0 < end < len(text) and _joins(text[end - 1], text[end]):
        end -= 1
    return text[:end]


def _joins(before: str, after: str) -> bool:
    # U+17D2, the Khmer coeng, binds the consonant after it.
    return unicodedata.category(after).startswith("M") or before in "\u17d2\u200d" or after == "\u200d"
