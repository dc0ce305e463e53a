"""What a token may do: the grammar of scopes and the one check.

`articles:write:blog` narrows `articles:write` to a collection; `admin` is all of them.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from cms.errors import Forbidden, NotAuthenticated

SCOPES: Final = (
    "read",
    "articles:read-drafts",
    "articles:write",
    "articles:write-code",
    "articles:publish",
    "images:write",
    "webhooks",
    "builds",
    "metrics",
    "tokens",
    "admin",
)
_NARROW = ("articles:", "images:")


def is_scope(text: str) -> bool:
    """Return whether `text` is a scope. A collection that narrows it need not exist yet, but its name must be plain."""
    if text in SCOPES:
        return True
    scope, _, collection = text.rpartition(":")
    return scope in SCOPES and scope.startswith(_NARROW) and _is_plain(collection)


def _is_plain(collection: str) -> bool:
    """Return whether the name has letters and marks of any script, digits, `_`, `-` and `.` alone: `*` or `a,b` would
    look like a pattern."""
    return collection != "" and all(c in "_-." or unicodedata.category(c)[0] in "LMN" for c in collection)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a token's name and scopes. `ANYONE` has none, the service itself has all."""

    name: str
    scopes: frozenset[str]
    token_id: str | None = None

    def may(self, scope: str, collection: str | None = None) -> bool:
        """Whether the actor has the scope, for the collection (None: for all of them)."""
        wide = "admin" in self.scopes or scope in self.scopes
        return wide or (collection is not None and f"{scope}:{collection}" in self.scopes)

    def may_somewhere(self, scope: str) -> bool:
        """Whether the actor has the scope at least for one collection."""
        return self.may(scope) or bool(self.collections(scope))

    def collections(self, scope: str) -> tuple[str, ...]:
        """The collections that the scope is narrowed to."""
        return tuple(own.removeprefix(f"{scope}:") for own in self.scopes if own.startswith(f"{scope}:"))

    def may_grant(self, scope: str) -> bool:
        """Nobody hands out more than they have."""
        if scope in self.scopes or "admin" in self.scopes:
            return True
        wide, _, _ = scope.rpartition(":")
        return wide in self.scopes and wide.startswith(_NARROW)

    def require(self, scope: str, collection: str | None = None) -> None:
        if not self.may(scope, collection):
            if self == ANYONE:
                raise NotAuthenticated(f"This needs a token with the scope {scope}; send it as Authorization: Bearer …")
            needed = scope if collection is None else f"{scope} or {scope}:{collection}"
            raise Forbidden(f"This needs a token with the scope {needed}.")

    def require_somewhere(self, scope: str) -> None:
        """As `require`, at least for one collection."""
        if not self.may_somewhere(scope):
            self.require(scope)


ANYONE: Final = Actor("anyone", frozenset())
SERVICE: Final = Actor("cms", frozenset({"admin"}))
