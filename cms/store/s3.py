"""A store in a bucket of any S3-compatible server.

Only what every such server has is relied on: a writer holds the key's lock, because some ignore conditions on PUT.
Where the server keeps them, they hold off those, too, who write to the bucket without us.
"""

from __future__ import annotations

import hashlib
import io
import mimetypes
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

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
    is_key,
    version_of,
)
from cms.store.s3_client import MISSING, code_of, connect, fetch, translated

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        DeleteObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        HeadObjectOutputTypeDef,
        PaginatorConfigTypeDef,
        PutObjectOutputTypeDef,
        PutObjectRequestTypeDef,
    )

IN_MEMORY = 4 * 1024 * 1024
"""What is larger is read by way of a temporary file."""

PAGE = 1000
"""So many files are listed at a time."""

PUBLIC_FOR_S = 600.0
"""So long it is remembered whether the public can read the bucket."""

# The machine's own lists differ, and Python's own lacks these.
_TYPES = mimetypes.MimeTypes(filenames=())
for _ending, _type in ((".webp", "image/webp"), (".avif", "image/avif")):
    _TYPES.add_type(_type, _ending)
for _ending in (".md", ".markdown", ".mdown", ".mkdn", ".mkd", ".mdwn", ".mdx"):
    _TYPES.add_type("text/markdown", _ending)

CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict"}


class S3Store:
    may_be_late = True

    def __init__(self, bucket: str, prefix: str = "", *, cache_control: str | None = None) -> None:
        """`cache_control` is told to those who read from the bucket itself what is written here."""
        self._bucket = bucket
        self._cache_control = cache_control
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client = connect()
        self._public, self._public_until = False, 0.0
        self._repeated: set[Key] = set()

    def read(self, key: Key) -> bytes | None:
        stream = self.open(key)
        if stream is None:
            return None
        with stream:
            return stream.read()

    def open(self, key: Key, part: Part | None = None) -> BinaryIO | None:
        check_key(key)
        # All of it at once: a connection that breaks half-way is noticed here, and readers may seek.
        stream = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115  the caller closes
        try:
            with translated():
                asked: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._prefix + key}
                is_there = fetch(self._client, asked, stream, part)
        except BaseException:
            stream.close()
            raise
        if not is_there:
            stream.close()
            return None
        stream.seek(0)
        return stream

    def stat(self, key: Key) -> Stat | None:
        head = self._head(key)
        if head is None:
            return None
        return _stat(key, head["ContentLength"], head["ETag"], head["LastModified"].timestamp())

    def is_of(self, stat: Stat, data: bytes) -> bool:
        # Most servers' tags are the MD5 of what was put in one piece; with some ways to encrypt they are not.
        return stat.mark.startswith(hashlib.md5(data, usedforsecurity=False).hexdigest())

    def stats(self, keys: Iterable[Key]) -> Iterator[Stat]:
        return (found for key in keys if (found := self.stat(key)) is not None)

    def reads(self, keys: Iterable[Key]) -> Iterator[bytes | Unavailable | None]:
        for key in keys:
            try:
                yield self.read(key)
            except Unavailable as error:
                yield error

    def version(self, key: Key) -> Version | None:
        return self._version(key, self._head(key))

    def list(self, prefix: str) -> Iterator[Stat]:
        return self.list_in_order(prefix, "")

    def list_in_order(self, prefix: str, after: str) -> Iterator[Stat]:
        pages = self._client.get_paginator("list_objects_v2")
        start = f"{self._prefix}{check_key(prefix.rstrip('/'))}/"
        with translated():
            config: PaginatorConfigTypeDef = {"PageSize": PAGE}
            first = self._prefix + after if after else ""
            for page in pages.paginate(Bucket=self._bucket, Prefix=start, StartAfter=first, PaginationConfig=config):
                for item in page.get("Contents", ()):
                    key, below = item["Key"].removeprefix(self._prefix), item["Key"].removeprefix(start)
                    is_shown = is_key(key) and not any(part.startswith(".") for part in below.split("/"))
                    if is_shown and key > after:
                        yield _stat(Key(key), item["Size"], item["ETag"], item["LastModified"].timestamp())

    def write(self, key: Key, data: bytes | Path, *, expect: Version | Absent) -> Version:
        check_writable(key)
        etag = self._expect(key, expect)
        with translated():
            condition = self._condition(etag)
            try:
                return self._put(key, data, condition)
            except ClientError as error:
                if code_of(error) not in CONDITION_FAILED:
                    raise
                # A retried PUT whose first answer was lost meets its own bytes.
                current, ours = self.version(key), version_of(data)
                if current != ours:
                    raise Stale(f"{key} holds something else by now.", current=current) from error
                return ours

    def delete(self, key: Key, *, expect: Version) -> None:
        check_writable(key)
        self._expect(key, expect)
        with translated():
            self._note(key, self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key))

    def was_repeated(self, key: Key) -> bool:
        is_repeated = key in self._repeated
        self._repeated.discard(key)
        return is_repeated

    def is_public(self) -> bool:
        # Asked now and then: a policy may change.
        if time.monotonic() > self._public_until:
            with translated():
                self._public = s3_probes.answers_anybody(self._client, self._bucket, self._prefix)
            self._public_until = time.monotonic() + PUBLIC_FOR_S
        return self._public

    def presign(self, key: Key, *, size: int, content_type: str, expires_s: int) -> str | None:
        check_writable(key)
        if self.is_public():
            return None
        where = {"Bucket": self._bucket, "Key": self._prefix + key}
        pinned = {"ContentLength": size, "ContentType": content_type}
        return self._client.generate_presigned_url("put_object", Params={**where, **pinned}, ExpiresIn=expires_s)

    def trouble(self) -> Trouble | None:
        return None

    def leftovers(self, prefix: str) -> Iterator[Leftover]:
        return iter(())  # what was not sent to its end is not there

    def settle(self, leftover: Leftover) -> None:
        raise ValueError(leftover)

    def unseen(self, prefix: str) -> Iterator[Key]:
        return iter(())

    def is_settled(self) -> bool:
        return True

    def _condition(self, etag: str | None) -> dict[str, str]:
        """On which a PUT may take the place of what has the tag, None for nothing."""
        if etag is None:
            return {"IfNoneMatch": "*"}
        # In quotes, some servers never find the tags equal.
        keeps = s3_probes.are_kept(self._client, self._bucket, self._prefix)
        return {"IfMatch": etag.strip('"')} if keeps else {}

    def _version(self, key: Key, head: HeadObjectOutputTypeDef | None) -> Version | None:
        if head is None:
            return None
        if (version := s3_version.known(head["Metadata"], head["ETag"])) is not None:
            return version
        stream = self.open(key)
        if stream is None:
            return None
        with stream:
            return version_of(stream)

    def _head(self, key: Key) -> HeadObjectOutputTypeDef | None:
        check_key(key)
        with translated():
            try:
                return self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def _put(self, key: Key, data: bytes | Path, condition: dict[str, str]) -> Version:
        content_type = _TYPES.guess_type(key)[0] or "application/octet-stream"
        asked: PutObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._prefix + key}
        asked["ContentType"], asked["Metadata"] = content_type, s3_version.digests(data)
        if self._cache_control is not None:
            asked["CacheControl"] = self._cache_control
        asked.update(condition)  # type: ignore[typeddict-item]
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as body:
            asked["Body"] = body
            self._note(key, self._client.put_object(**asked))
        return Version(asked["Metadata"]["sha256"])

    def _note(self, key: Key, answer: PutObjectOutputTypeDef | DeleteObjectOutputTypeDef) -> None:
        if answer["ResponseMetadata"]["RetryAttempts"]:
            self._repeated.add(key)

    def _expect(self, key: Key, expect: Version | Absent) -> str | None:
        """The server's tag of what is there, if it is what is expected."""
        # The tag is asked for first: bytes that come in between have another one.
        head = self._head(key)
        current = self._version(key, head)
        if current is None and expect is not ABSENT:
            raise Stale(f"{key} is not there any more.")
        if current is not None and current != expect:
            raise Stale(f"{key} holds something else by now.", current=current)
        return None if head is None or current is None else head["ETag"]


def _stat(key: Key, size: int, etag: str, modified: float) -> Stat:
    return Stat(key, size, f"{etag.strip(chr(34))}-{size}-{int(modified)}", modified, modified)
