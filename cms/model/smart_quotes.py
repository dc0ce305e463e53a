"""Chooses opening and closing quotes as Satteri does, the Markdown renderer of Astro 7.

The renderer here makes each straight quote of the text a curly one, but chooses its side by other rules. Satteri looks
at the characters beside the quote in the Markdown, of which the HTML shows enough: each tag inside a line stands for
punctuation. Each function takes a time that is linear in the size of its text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import digits
from unicodedata import category

_BLOCK = r"(?:p|h[1-6]|li|t[dh]|blockquote)[ >]"
_TOKEN = re.compile(
    rf'[<‘’“”](?:(?<!<)|(?P<block>/?{_BLOCK})|(?P<end>/)?(?:a|del)[ >]|img src="[^"]*+" alt="(?P<alt>[^"]*+)")'
)
_BLOCK_BEFORE = re.compile(rf"<{_BLOCK}[^<>]*+>?$")
_BLOCK_AFTER = re.compile(rf"</?{_BLOCK}|<(?:br />\n|[uo]l[ >])")
_ADDRESS = re.compile(r'<a href="(?:mailto:|[^"]*+">(?:https?:|ftp:|www\.))')
_QUOTE = re.compile("[&'‘’“”](?:(?<!&)|quot;)")
_REFERENCE = re.compile("&(?:#|[a-z]+quo|[OC][a-z]+Curly)", re.IGNORECASE)


@dataclass(slots=True)
class _Run:
    """Text in which quotes belong together; `single` is the index of the piece with a single quote that may open."""

    is_double_open: bool = False
    single: int | None = None


def may_be_written(body: str) -> bool:
    """Return whether the author of the body may have written a curly quote."""
    return any(quote in body for quote in "‘’“”") or ("&" in body and _REFERENCE.search(body) is not None)


def chosen(html: str, plain: str | None = None) -> str:
    """Return the HTML with the side of each quote chosen anew.

    `plain` is the same HTML rendered without smart punctuation, from which the author's own curly quotes are known.
    """
    own = _own_quotes(html, plain) if plain is not None else frozenset()
    return "".join(_pieces(html, 0, len(html), own))


def _own_quotes(html: str, plain: str) -> frozenset[int]:
    """Return the places of the quotes that are equal in both texts; all, if the texts differ in more than quotes."""
    quotes, others = list(_QUOTE.finditer(html)), _QUOTE.findall(plain)
    if len(quotes) != len(others):
        others = [match[0] for match in quotes]
    return frozenset(match.start() for match, other in zip(quotes, others, strict=True) if match[0] == other)


def _pieces(html: str, start: int, end: int, own: frozenset[int]) -> list[str]:
    """Return a part of the HTML in pieces; links, deleted text and alt texts are runs of their own."""
    pieces: list[str] = []
    runs = [_Run()]
    done = start
    for token in _TOKEN.finditer(html, start, end):
        place = token.start()
        if html[place] != "<":
            if place not in own:
                pieces += html[done:place], html[place]
                done = place + 1
                _choose(html, place, runs[-1], pieces)
        elif token["block"] is not None:
            runs = [_Run()]
        elif token["alt"] is not None:
            pieces += html[done : token.start("alt")], *_pieces(html, *token.span("alt"), own)
            done = token.end() - 1
        elif token["end"] is None:
            runs.append(_Run())
        elif len(runs) > 1:
            runs.pop()
    return [*pieces, html[done:end]]


def _choose(html: str, place: int, run: _Run, pieces: list[str]) -> None:
    """Choose the side of the quote at a place, which is the last piece; a single one may make an earlier one open."""
    before, after = _before(html, place), _after(html, place + 1)
    is_space_before, is_space_after = before.isspace(), after.isspace()
    is_mark_before, is_mark_after = category(before)[0] in "PS", category(after)[0] in "PS"
    if html[place] in "‘’":
        pieces[-1] = "’"
        if run.single is not None and not is_space_before and (is_space_after or is_mark_after):
            pieces[run.single] = "‘"
            run.single = None
        elif not is_space_after and (is_space_before or (is_mark_before and before not in ")]")):
            run.single = len(pieces) - 1
        return
    is_left = not is_space_after and (not is_mark_after or is_space_before or is_mark_before)
    is_right = not is_space_before and (not is_mark_before or is_space_after or is_mark_after)
    opens = not is_right or (is_left and not run.is_double_open and before not in digits)
    if is_left or is_right:
        run.is_double_open = opens
    pieces[-1] = "“" if opens else "”"


def _before(html: str, place: int) -> str:
    """Return the character before a place, as it is in the Markdown: a space where a block begins."""
    if place == 0 or html[place - 1] != ">":
        return html[place - 1 : place] or " "
    tag = html.rfind("<", 0, place)
    if html.startswith("</a>", tag):
        return html[tag - 1] if _ADDRESS.match(html, html.rfind("<", 0, tag)) else ")"
    if html.startswith("<img ", tag) or html.endswith("</a></sup>", 0, place):
        return ")"
    return " " if _BLOCK_BEFORE.match(html, tag, place) else ">"


def _after(html: str, place: int) -> str:
    """Return the character at a place, as it is in the Markdown: a space where a block ends."""
    if not html.startswith("<", place):
        return html[place : place + 1] or " "
    if _ADDRESS.match(html, place):
        return "h"
    return " " if _BLOCK_AFTER.match(html, place) else "<"
