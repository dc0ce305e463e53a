"""The right to change what of an MDX file the site's build runs."""

from __future__ import annotations

import posixpath

from cms.errors import Invalid, Problem
from cms.model import mdx
from cms.model.article import Article
from cms.model.scopes import Actor

SCOPE = "articles:write-code"


def require(actor: Actor, article: Article, was: Article | None) -> None:
    """Refuse a save that changes the program of an MDX file, unless the actor may write code.

    `was` is the article before, None for a new one. Of a broken one nobody knows what its program was.
    """
    if article.format != "mdx":
        return
    before = mdx.program({}, "") if was is None else mdx.program(was.data, was.body)
    is_unknown = was is not None and was.status == "broken"
    if is_unknown or mdx.program(article.data, article.body) != before:
        actor.require(SCOPE, article.collection)


def check_move(article: Article, new_key: str) -> None:
    """Refuse to move an MDX file to another folder, from which its layout, or what its body imports or shows, is not
    found."""
    if article.format == "md" or posixpath.dirname(new_key) == posixpath.dirname(article.key):
        return
    if paths := mdx.relative_paths(article.data, article.body):
        detail = f"in another folder the MDX file does not find {paths[0]}; write that from the root first, as @/…"
        raise Invalid("The article cannot have this id.", problems=[Problem("/id", detail, "id_change")])
