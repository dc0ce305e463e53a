"""Tries what anybody may do in a bucket without credentials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cms.store.s3_client import connect
from cms.store.s3_refusals import Refusal, Refusals, Right

_NO_OBJECT = Refusal(None, "no object is there to try with")


@dataclass(frozen=True, slots=True)
class AnybodyAccess:
    """The rights that anybody has; `unsure` is why not all of that is known, None when it is."""

    rights: frozenset[Right]
    unsure: Refusal | None


class Anybody:
    """Requests to a bucket by somebody without credentials."""

    def __init__(self, bucket: str) -> None:
        self._bucket, self._client, self._refusals = bucket, connect(anonymous=True), Refusals()

    def may_read(self, key: str) -> bool:
        """Return whether anybody may read this object, which is there."""
        return self._refusals.of(lambda: self._head(key)) is None

    def try_all(self, prefix: str, key: str, other: str) -> AnybodyAccess:
        """Try to list what is below the prefix, to read and delete the object `key`, and to put `other`. The caller
        removes both, should they be there then."""
        return self._found(
            {
                "list": lambda: self._list(prefix),
                "read": lambda: self._head(key),
                "write": lambda: self._client.put_object(Bucket=self._bucket, Key=other, Body=b"By whom?"),
                "delete": lambda: self._client.delete_object(Bucket=self._bucket, Key=key),
            }
        )

    def try_reading(self, prefix: str, key: str | None) -> AnybodyAccess:
        """Try to list what is below the prefix, and to read the object `key`, None when there is none."""
        if key is None:
            return AnybodyAccess(self._found({"list": lambda: self._list(prefix)}).rights, _NO_OBJECT)
        return self._found({"list": lambda: self._list(prefix), "read": lambda: self._head(key)})

    def _found(self, attempts: dict[Right, Callable[[], object]]) -> AnybodyAccess:
        refused = {right: self._refusals.of(act) for right, act in attempts.items()}
        doubts = (refusal for refusal in refused.values() if refusal is not None and not refusal.is_denied)
        return AnybodyAccess(frozenset(right for right in refused if refused[right] is None), next(doubts, None))

    def _list(self, prefix: str) -> object:
        return self._client.list_objects_v2(Bucket=self._bucket, Prefix=prefix, MaxKeys=1)

    def _head(self, key: str) -> object:
        return self._client.head_object(Bucket=self._bucket, Key=key)
