"""A store in a bucket of any S3-compatible server.

Only what every such server has is relied on: a writer holds the key's lock, because some ignore conditions or refuse
them. Where the server keeps them, they hold off those, too, who write to the bucket without us (`s3_conditions.py`).
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from botocore.exceptions import ClientError

from cms.errors import Stale, Unavailable
from cms.store import s3_probes, s3_version
from cms.store.base import (
    ABSENT,
    Absent,
    Key,
    Leftover,
    Part,
    Stat,
    Trouble,
    Version,
    check_key,
    check_writable,
    trouble_at,
)
from cms.store.content_types import content_type_of
from cms.store.s3_bucket import Bucket, tag_of
from cms.store.s3_causes import cause_of, place_of
from cms.store.s3_client import connect, presigned_put
from cms.store.s3_conditions import Condition, Conditions, outcome_of, was_retried

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

PUBLIC_FOR_S = 600.0
"""So long it is remembered whether the public can read the bucket."""


class S3Store:
    may_be_late = True

    def __init__(self, bucket: str, prefix: str = "", *, cache_control: str | None = None) -> None:
        """`cache_control` is told to those who read from the bucket itself what is written here."""
        self._client = connect()
        self._bucket = Bucket(self._client, bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")
        self._cache_control = cache_control
        self._conditions = Conditions()
        self._public, self._public_until = False, 0.0
        self._repeated: set[Key] = set()

    def read(self, key: Key) -> bytes | None:
        stream = self.open(key)
        if stream is None:
            return None
        with stream:
            return stream.read()

    def open(self, key: Key, part: Part | None = None) -> BinaryIO | None:
        return self._bucket.open(key, part)

    def stat(self, key: Key) -> Stat | None:
        return self._bucket.stat(key)

    def is_of(self, stat: Stat, data: bytes) -> bool:
        # Most servers' tags are the MD5 of what was put in one piece; with some ways to encrypt they are not.
        return stat.mark.lower().startswith(hashlib.md5(data, usedforsecurity=False).hexdigest())

    def stats(self, keys: Iterable[Key]) -> Iterator[Stat]:
        return (found for key in keys if (found := self.stat(key)) is not None)

    def reads(self, keys: Iterable[Key]) -> Iterator[bytes | Unavailable | None]:
        for key in keys:
            try:
                yield self.read(key)
            except Unavailable as error:
                yield error

    def version(self, key: Key) -> Version | None:
        return self._bucket.version(key, self._bucket.head(key))

    def list(self, prefix: str) -> Iterator[Stat]:
        return self.list_in_order(prefix, "")

    def list_in_order(self, prefix: str, after: str) -> Iterator[Stat]:
        return self._bucket.list_in_order(f"{check_key(prefix.rstrip('/'))}/", after)

    def write(self, key: Key, data: bytes | Path, *, expect: Version | Absent) -> Version:
        check_writable(key)
        head = self._expected(key, expect)
        metadata = s3_version.digests(data)
        tag = None if head is None else tag_of(head)
        put, is_still = partial(self._put, key, data, metadata), partial(self._bucket.is_still, key, tag)
        with self._bucket.translated():
            try:
                self._conditions.send("create" if tag is None else "replace", tag or "", put, is_still)
            except ClientError as error:
                # A retried PUT whose first answer was lost meets its own bytes.
                if (current := self._after(key, error)) != metadata["sha256"]:
                    raise Stale(f"{key} holds something else by now.", current=current) from error
        return Version(metadata["sha256"])

    def delete(self, key: Key, *, expect: Version) -> None:
        check_writable(key)
        head = self._expected(key, expect)
        tag = "" if head is None else tag_of(head)
        with self._bucket.translated():
            try:
                self._conditions.send(
                    "delete", tag, partial(self._remove, key), partial(self._bucket.is_still, key, tag)
                )
            except ClientError as error:
                # A retried DELETE whose first answer was lost meets nothing.
                if (current := self._after(key, error)) is not None or not was_retried(error.response):
                    raise Stale(f"{key} holds something else by now.", current=current) from error

    def was_repeated(self, key: Key) -> bool:
        is_repeated = key in self._repeated
        self._repeated.discard(key)
        return is_repeated

    def is_public(self) -> bool:
        # Asked now and then: a policy may change.
        if time.monotonic() > self._public_until:
            with self._bucket.translated():
                self._public = s3_probes.answers_anybody(self._client, self._bucket.name, self._bucket.prefix)
            self._public_until = time.monotonic() + PUBLIC_FOR_S
        return self._public

    def presign(self, key: Key, *, size: int, content_type: str, expires_s: int) -> str | None:
        check_writable(key)
        if self.is_public():
            return None
        place = self._client, self._bucket.name, self._bucket.prefix + key
        return presigned_put(*place, size=size, content_type=content_type, expires_s=expires_s)

    def trouble(self) -> Trouble | None:
        return trouble_at(place_of(self._client, self._bucket.name))

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        return iter(())  # what was not sent to its end is not there

    def settle(self, leftover: Leftover) -> None:
        raise ValueError(leftover)

    def unseen(self, prefix: str) -> Iterator[Key]:
        return iter(())

    def is_settled(self) -> bool:
        return True

    def _put(self, key: Key, data: bytes | Path, metadata: dict[str, str], condition: Condition) -> None:
        asked: dict[str, Any] = {"ContentType": content_type_of(key), "Metadata": metadata, **condition}
        if self._cache_control is not None:
            asked["CacheControl"] = self._cache_control
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as body:
            self._send(key, partial(self._client.put_object, **asked, Body=body))

    def _remove(self, key: Key, condition: Condition) -> None:
        self._send(key, partial(self._client.delete_object, **condition))  # type: ignore[arg-type]

    def _send(self, key: Key, request: Callable[..., Mapping[str, Any]]) -> None:
        answer: Mapping[str, Any] = {}
        try:
            answer = request(Bucket=self._bucket.name, Key=self._bucket.prefix + key)
        except ClientError as error:
            answer = error.response
            raise
        finally:
            if was_retried(answer):
                self._repeated.add(key)

    def _expected(self, key: Key, expect: Version | Absent) -> HeadObjectOutputTypeDef | None:
        """Return what the server says of the object, if that is what is expected."""
        # Asked before the bytes: what comes in between has another tag.
        head = self._bucket.head(key)
        current = self._bucket.version(key, head)
        if current is None and expect is not ABSENT:
            raise Stale(f"{key} is not there any more.")
        if current is not None and current != expect:
            raise Stale(f"{key} holds something else by now.", current=current)
        return None if current is None else head

    def _after(self, key: Key, error: ClientError) -> Version | None:
        """Return what is there after the condition of a request has failed; raises what else the error says."""
        if (outcome := outcome_of(error)) == "conflict":
            detail = "Something else is under way at this file in the object storage; try again."
            cause = cause_of(error, self._client, self._bucket.name)
            raise Unavailable(detail, code="storage", retry_after_s=1, cause=cause) from error
        if outcome not in ("failed", "missing"):
            raise error
        return self.version(key)
