"""References to photos as authors write them, and the files they mean.

Four spellings are in use for `src/assets/x.jpg`: by alias (`@/assets/x.jpg`, `~/assets/x.jpg`), from the root
(`/src/assets/x.jpg`, `src/assets/x.jpg`), and relative to the article (`../../assets/x.jpg`).
"""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from cms.model.ids import ASSETS
from cms.model.percent_encoding import MALFORMED, decode_uri
from cms.model.pointer import strings

Spelling = Literal["@/", "~/", "/src/", "src/", "relative"]
SPELLINGS: tuple[Spelling, ...] = ("@/", "~/", "/src/", "src/", "relative")
ALIASES: tuple[Spelling, ...] = ("@/", "~/")
"""Good in front matter and bodies of every article; from the root, Astro takes a path in a body for one in public/."""

_ENDING = r"\.(?:jpe?g|png|webp|avif|gif|svg|tiff?|heic|heif)"
_MOST_PATH_BYTES = 1000
"""A file's key has no more."""
_IMAGE = re.compile(f"{_ENDING}$", re.IGNORECASE)
_NO_PATH = re.compile("""[\n"'()<>]+""")
_START = re.compile(r"[@~]/|/?src/|\.\.?/", re.IGNORECASE)
_END = re.compile(rf"{_ENDING}\b", re.IGNORECASE)
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


class Ref(NamedTuple):
    """One mention of a photo: `field` is the pointer of the front matter value, None in the body.

    `path` is below `src/assets`; None when the reference leads anywhere else.
    """

    ref: str
    field: str | None
    alt: str | None
    path: str | None


def is_image_name(name: str) -> bool:
    return bool(_IMAGE.search(name))


def target(ref: str, key: str) -> str | None:
    """Return the key of the file that `ref`, without percent-encoding, means in the article at `key`.

    For Astro the path of an image ends at a question mark.
    """
    if is_image_name(ref):
        ref = ref.partition("?")[0]
    for start in SPELLINGS[:-1]:
        if ref.startswith(start):
            return posixpath.normpath("src/" + ref.removeprefix(start))
    return None if ref.startswith("/") else posixpath.normpath(posixpath.join(posixpath.dirname(key), ref))


def resolve(ref: str, key: str) -> str | None:
    """The path below `src/assets` that `ref` means in the article at `key`."""
    found = target(ref, key)
    return found.removeprefix(ASSETS) if found is not None and found.startswith(ASSETS) else None


def bounded_path(path: str) -> str:
    """Return the path of a photo; one that no file can have is cut off, and ends in two slashes, as no path does."""
    plain = path.partition("\0")[0]
    start = plain.encode()[:_MOST_PATH_BYTES].decode(errors="ignore")
    return path if start == path else f"{start}//"


def is_elsewhere(ref: str) -> bool:
    """Whether it leads out of the site, as a URL does."""
    return bool(_ELSEWHERE.match(ref))


def is_reference(text: str) -> bool:
    """Whether a front matter string is meant as a photo of the site: a path with an image's ending."""
    local = is_image_name(text) and "\n" not in text and not is_elsewhere(text)
    return local and "/" in text and (not text.startswith("/") or text.startswith("/src/"))


def is_image_path(text: str) -> bool:
    """Return whether a front matter string is the path or URL of an image, on the site or elsewhere."""
    return is_reference(text) or (is_image_name(text) and not any(map(str.isspace, text)))


def find(data: Mapping[str, object], sources: Iterable[tuple[str, str]], body: str, key: str) -> tuple[Ref, ...]:
    """Every reference of an article: those of its front matter, then those of its body."""
    return (*_find_in_data(data, key), *find_in_body(sources, body, key))


def _find_in_data(data: Mapping[str, object], key: str) -> Iterator[Ref]:
    """Every reference in front matter, at any depth."""
    for where, text in strings(data):
        if is_reference(text):
            yield Ref(text, where, None, resolve(text, key))


def find_in_body(sources: Iterable[tuple[str, str]], body: str, key: str) -> Iterator[Ref]:
    """Yield the references among the body's rendered images, given as pairs of source and alt text.

    A reference whose percent-encoding is malformed leads nowhere: Astro cannot render the body.
    """
    for source, alt in sources:
        is_malformed = decode_uri(source) is None
        written = source.removesuffix(MALFORMED) if is_malformed else source
        plain = decoded(written)
        # Rendering percent-encodes; what the author wrote is what stands in the body.
        ref = plain if is_malformed or (written not in body and plain in body) else written
        if not is_elsewhere(ref) and (not ref.startswith("/") or ref.startswith("/src/")):
            yield Ref(ref, None, alt, None if is_malformed else resolve(plain, key))


def decoded(ref: str) -> str:
    """Return a body's reference without percent-encoding; as it is when that is malformed."""
    plain = decode_uri(ref)
    return ref if plain is None else plain


def file_of(ref: str, field: str | None, key: str) -> str | None:
    """Return the key of the file that a reference means; only those of bodies (`field` is None) are percent-encoded."""
    return target(decoded(ref) if field is None else ref, key)


def find_in_text(text: str, key: str) -> Iterator[Ref]:
    """Yield each text that looks like a reference, once, in a file that cannot be read as an article."""
    for ref in dict.fromkeys(ref for piece in _NO_PATH.split(text) for ref in _paths_in(piece)):
        yield Ref(ref, None, None, resolve(decoded(ref), key))


def _paths_in(piece: str) -> Iterator[str]:
    """Yield the texts from the start of a path to the next ending of an image.

    One regular expression for both ends would take quadratic time.
    """
    end = 0
    while (start := _START.search(piece, end)) and (stop := _END.search(piece, start.end())):
        end = stop.end()
        yield piece[start.start() : end]


def spelling_of(ref: str) -> Spelling:
    return next((start for start in SPELLINGS[:-1] if ref.startswith(start)), "relative")


def usual_spelling(refs: Iterable[str], among: Sequence[Spelling] = SPELLINGS) -> Spelling | None:
    """The spelling that most of the references have, of those that count; None when no reference has one."""
    counted = Counter(spelling for ref in refs if (spelling := spelling_of(ref)) in among)
    return counted.most_common(1)[0][0] if counted else None


def spell(path: str, spelling: Spelling, key: str) -> str:
    """How an article at `key` refers to the photo at `path`."""
    if spelling == "relative":
        return posixpath.relpath(ASSETS + path, posixpath.dirname(key))
    return f"{spelling}assets/{path}"


def markdown_of(ref: str) -> str:
    """Markdown that shows the photo; the alt text is for the editor to write."""
    needs_brackets = any(c.isspace() or c in "()<>" for c in ref)
    return f"![](<{ref}>)" if needs_brackets else f"![]({ref})"
