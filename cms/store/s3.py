"""A store in a bucket of any S3-compatible server.

Only what every such server has is relied on: a writer holds the key's lock, because some ignore conditions on PUT.
"""

from __future__ import annotations

import io
import mimetypes
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from urllib3.exceptions import HTTPError

from cms.errors import Stale, Unavailable
from cms.store.base import ABSENT, Absent, Key, Stat, Version, check_key, check_writable, is_key, version_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from urllib3 import HTTPResponse

# Newer default checksums are not understood by many servers, and path style is by all.
PORTABLE = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=10,
)
DEADLINE_S = 25.0
"""No further attempt is begun after so long; a stream may take longer by its size at `SLOWEST`."""

SLOWEST = 256 * 1024
"""Bytes a second."""

PUBLIC_FOR_S = 600.0
"""So long it is remembered whether the public can read the bucket."""

STREAM_ATTEMPTS = 4
CHUNK = 256 * 1024
IN_MEMORY = 4 * 1024 * 1024
"""What is larger is read by way of a temporary file."""

_MISSING = {"NoSuchKey", "404", "NotFound"}
_CONDITION_FAILED = {"PreconditionFailed", "412", "ConditionalRequestConflict"}


class S3Store:
    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._client: S3Client = boto3.session.Session().client("s3", config=PORTABLE)
        self._client.meta.events.register("request-created.s3", _check_time)
        self._public, self._public_until = False, 0.0

    def read(self, key: Key) -> bytes | None:
        stream = self.open(key)
        if stream is None:
            return None
        with stream:
            return stream.read()

    def open(self, key: Key) -> BinaryIO | None:
        check_key(key)
        # All of it at once: a connection that breaks half-way is noticed here, and readers may seek.
        stream = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115  the caller closes
        try:
            with _translated():
                is_there = self._fetch(key, stream)
        except BaseException:
            stream.close()
            raise
        if not is_there:
            stream.close()
            return None
        stream.seek(0)
        return stream

    def stat(self, key: Key) -> Stat | None:
        check_key(key)
        with _translated():
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
        return _stat(key, head["ContentLength"], head["ETag"], head["LastModified"].timestamp())

    def list(self, prefix: str) -> Iterator[Stat]:
        pages = self._client.get_paginator("list_objects_v2")
        start = f"{self._prefix}{check_key(prefix.rstrip('/'))}/"
        with _translated():
            for page in pages.paginate(Bucket=self._bucket, Prefix=start):
                for item in page.get("Contents", ()):
                    key, below = item["Key"].removeprefix(self._prefix), item["Key"].removeprefix(start)
                    if is_key(key) and not any(part.startswith(".") for part in below.split("/")):
                        yield _stat(Key(key), item["Size"], item["ETag"], item["LastModified"].timestamp())

    def write(self, key: Key, data: bytes | Path, *, expect: Version | Absent) -> Version:
        check_writable(key)
        self._expect(key, expect)
        with _translated():
            try:
                self._put(key, data, only_new=expect is ABSENT)
            except ClientError as error:
                if _code(error) not in _CONDITION_FAILED:
                    raise
                # A retried PUT whose first answer was lost meets its own bytes.
                current = self._version(key)
                if current != version_of(data):
                    raise Stale(f"{key} is there already.", current=current) from error
        return version_of(data)

    def delete(self, key: Key, *, expect: Version) -> None:
        check_writable(key)
        self._expect(key, expect)
        with _translated():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def presign(self, key: Key, *, size: int, content_type: str, expires_s: int) -> str | None:
        check_writable(key)
        if self._is_public():
            return None
        where = {"Bucket": self._bucket, "Key": self._prefix + key}
        pinned = {"ContentLength": size, "ContentType": content_type}
        return self._client.generate_presigned_url("put_object", Params={**where, **pinned}, ExpiresIn=expires_s)

    def is_settled(self) -> bool:
        return True

    def _is_public(self) -> bool:
        """Whether somebody without credentials can read what lies here; asked now and then."""
        if time.monotonic() > self._public_until:
            self._public = self._answers_anybody()
            self._public_until = time.monotonic() + PUBLIC_FOR_S
        return self._public

    def _answers_anybody(self) -> bool:
        bucket, probe = self._bucket, f"{self._prefix}probe-{secrets.token_hex(8)}"
        nobody = boto3.session.Session().client("s3", config=PORTABLE.merge(Config(signature_version=UNSIGNED)))
        with _translated():
            self._client.put_object(Bucket=bucket, Key=probe, Body=b"Who can read this?")
            try:
                nobody.get_object(Bucket=bucket, Key=probe)["Body"].close()
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                    raise
                return False
            finally:
                self._client.delete_object(Bucket=bucket, Key=probe)
        return True

    def _fetch(self, key: Key, out: BinaryIO) -> bool:
        """Write the object's bytes; the client itself does not try again once they have begun to come."""
        for attempt in range(1, STREAM_ATTEMPTS + 1):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return False
                raise
            out.seek(0)
            out.truncate()
            try:
                _copy(answer["Body"]._raw_stream, out, answer["ContentLength"])  # type: ignore[attr-defined]
            except (HTTPError, IncompleteReadError):
                if attempt == STREAM_ATTEMPTS:
                    raise
                time.sleep(0.1 * 2**attempt)
            else:
                return True
        return False

    def _put(self, key: Key, data: bytes | Path, *, only_new: bool) -> None:
        content_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
        where = self._prefix + key
        with data.open("rb") if isinstance(data, Path) else io.BytesIO(data) as body:
            if only_new:
                self._client.put_object(
                    Bucket=self._bucket, Key=where, Body=body, ContentType=content_type, IfNoneMatch="*"
                )
            else:
                self._client.put_object(Bucket=self._bucket, Key=where, Body=body, ContentType=content_type)

    def _expect(self, key: Key, expect: Version | Absent) -> None:
        current = self._version(key)
        if current is None and expect is not ABSENT:
            raise Stale(f"{key} is not there any more.")
        if current is not None and current != expect:
            raise Stale(f"{key} holds something else by now.", current=current)

    def _version(self, key: Key) -> Version | None:
        stream = self.open(key)
        if stream is None:
            return None
        with stream:
            return version_of(stream)


class _OutOfTimeError(BotoCoreError):
    fmt = "The storage has not answered for too long"


def _check_time(request: AWSRequest, **_: object) -> None:
    """Before each attempt of a call: end it when the first began too long ago."""
    if time.monotonic() - request.context.setdefault("cms_began", time.monotonic()) > DEADLINE_S:
        raise _OutOfTimeError


def _copy(source: HTTPResponse, out: BinaryIO, size: int) -> None:
    # What has come is taken as it comes: a server that trickles would never fill a larger read.
    deadline = time.monotonic() + DEADLINE_S + size / SLOWEST
    copied = 0
    while chunk := source.read1(CHUNK):
        out.write(chunk)
        copied += len(chunk)
        if time.monotonic() > deadline:
            raise _OutOfTimeError
    if copied != size:
        raise IncompleteReadError(actual_bytes=copied, expected_bytes=size)


def _stat(key: Key, size: int, etag: str, modified: float) -> Stat:
    return Stat(key, size, f"{etag.strip(chr(34))}-{size}-{int(modified)}", modified, modified)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError, HTTPError) as error:
        raise Unavailable("The object storage does not answer as it should; try again.", code="storage") from error
