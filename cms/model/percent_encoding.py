"""Percent-encoding as JavaScript's `decodeURI` reads it, by which Astro finds the photos of a body."""

from __future__ import annotations

import re

MALFORMED = "%FF%FE%FF"
"""Escapes that are never right in UTF-8, and that nobody writes. The renderer ends the source of an image with them if
that is malformed; the HTML that is shown has them no more."""

_KEPT = "%(?:2[346BbCcFf]|3[AaBbDdFf]|40)"  # of ; / ? : @ & = + $ , and #
_ESCAPES = re.compile(f"{_KEPT}|(?:(?!{_KEPT})%[0-9A-Fa-f]{{2}})+|%")


def decode_uri(text: str) -> str | None:
    """Return the text with its escapes decoded, but those of `;/?:@&=+$,#`; None when it is malformed."""
    try:
        return _ESCAPES.sub(_decoded, text)
    except ValueError:
        return None


def marked(text: str) -> str:
    """Return the text; with `MALFORMED` at its end when it is malformed."""
    return text if decode_uri(text) is not None else text + MALFORMED


def _decoded(found: re.Match[str]) -> str:
    escapes = found[0]
    if escapes == "%":
        raise ValueError("a percent sign that begins no escape")
    return escapes if re.fullmatch(_KEPT, escapes) else bytes.fromhex(escapes.replace("%", "")).decode()
