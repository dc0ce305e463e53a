"""Which locale an article has, and how language tags (BCP 47) are compared.

Tags are compared without case (RFC 4647), and shown as the site writes them: ids are in small letters, `pt-br/post`,
while the folder is `pt-BR`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from cms.model.ids import INDEX, id_of

LOCALE_PATTERN = r"^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$"

Named = tuple[str, ...] | None
"""The locales that a collection's annotation names; None when it names none."""

_ISO_639_1 = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el
    en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu
    ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na
    nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so
    sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
_LANGUAGES = frozenset(_ISO_639_1.split())
_TAG = re.compile(LOCALE_PATTERN)


class LocalizedId(NamedTuple):
    """An article's locale as the site writes it, None when it has none, and its id without the locale."""

    locale: str | None
    slug: str


@lru_cache(maxsize=1024)
def localize(article_id: str, path: str, named: Named) -> LocalizedId:
    """Return the locale of the article whose file is at `path` below its collection, and its id without the locale.

    The first segment of an id is its locale if it is one of `named`. Without `named` it is its locale if it is a tag
    whose language is in ISO 639-1, written as the folder is. `pt-BR/index.md`, whose id is `pt-br`, is the `index` of
    its locale.
    """
    first, slash, rest = article_id.partition("/")
    if not slash:
        if path.count("/") != 1 or id_of(path) != article_id:
            return LocalizedId(None, article_id)
        rest = INDEX
    if named is not None:
        locale = spelled(first, named)
    else:
        folder = path.partition("/")[0]
        locale = (folder if folder.lower() == first.lower() else first) if _is_language(first) else None
    return LocalizedId(None, article_id) if locale is None else LocalizedId(locale, rest)


def id_in_locale(locale: str, slug: str) -> str:
    """Return the id of the article with this slug in the locale."""
    return locale.lower() if slug == INDEX else f"{locale.lower()}/{slug}"


def _is_language(tag: str) -> bool:
    return _TAG.fullmatch(tag) is not None and tag.lower().partition("-")[0] in _LANGUAGES


def spelled(tag: str, known: Iterable[str]) -> str | None:
    """Return the first of the known tags that equals this one without case, None when there is none."""
    return next((one for one in known if one.lower() == tag.lower()), None)


def lookup(*tags: str) -> tuple[str, ...]:
    """Return the tags to try in turn, in small letters: each of these, then what truncation leaves of it.

    `zh-Hant-TW` is followed by `zh-hant` and `zh` (RFC 4647, section 3.4). None comes twice.
    """
    tried: dict[str, None] = {}
    for tag in tags:
        subtags = tag.lower().split("-")
        tried |= dict.fromkeys("-".join(subtags[:length]) for length in range(len(subtags), 0, -1))
    return tuple(tried)
