"""Tries, with objects of its own, what the credentials may do in a bucket, and what anybody may do without them.

Every object lies below a folder `FOLDER`, which lists leave out. It is removed again; one that is left because its
trial was killed is removed by the next.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from cms.store.s3_client import MISSING, code_of, connect, presigned_put
from cms.store.s3_probes import Capabilities, probe_conditions
from cms.store.s3_refusals import Refusal, Refusals

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = ".cms-check"
TYPE = "image/png"
"""The media type of what is PUT by a signed URL."""

_BYTES = 32
_WRONG_MD5 = base64.b64encode(bytes(16)).decode()
_WRONG_SUM = (400, 422)

NO_OBJECT = Refusal(None, "no object is there to try with")

Right = Literal["read", "list", "write", "delete"]


@dataclass(frozen=True, slots=True)
class PartAccess:
    """What the credentials may not do in a part of a bucket (`refused`), and what anybody may. `unsure` is why the
    latter is not known, None when it is. `removed` counts objects that an earlier trial had left."""

    refused: dict[Right, Refusal]
    anybody: frozenset[Right]
    unsure: Refusal | None
    removed: int


@dataclass(frozen=True, slots=True)
class SignedPut:
    """Where a client is to PUT an object, and which headers it has to send."""

    url: str
    headers: dict[str, str]
    body: bytes


class BucketTrial:
    """Requests to one bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._client, self._nobody = connect(), connect(anonymous=True)
        self._refusals = Refusals()

    @property
    def endpoint(self) -> str:
        """The server's address, without what may stand before an `@`."""
        parts = urlsplit(self._client.meta.endpoint_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def clock_s(self) -> float | None:
        """By how many seconds the server's clock is ahead of this machine's, None until it has answered."""
        return self._refusals.clock_s

    def reach(self, prefix: str) -> Refusal | None:
        """Return None when the server answers and lists what is below the prefix."""
        return self._refusals.of(partial(self._list, self._client, prefix))

    def try_part(self, prefix: str) -> PartAccess:
        """Try all rights with an object below the prefix, which is "" or ends in a slash."""
        folder = f"{prefix}{FOLDER}/"
        key, body = folder + secrets.token_hex(8), secrets.token_bytes(_BYTES)
        refused: dict[Right, Refusal] = {}
        left: list[str] = []

        def attempt(right: Right, act: Callable[[], object]) -> None:
            if (refusal := self._refusals.of(act)) is not None:
                refused[right] = refusal

        attempt("list", lambda: left.extend(self._clear(folder)))
        attempt("delete", partial(self._delete, self._client, key))
        attempt("write", partial(self._put, key, body, is_kept="delete" not in refused))
        try:
            attempt("read", partial(self._read, key, body, may_be_missing=bool(refused)))
            anybody, unsure = self._try_anybody(prefix, key, is_there=not refused)
        finally:
            self._refusals.of(partial(self._delete, self._client, key))
        return PartAccess(refused, anybody, unsure, len(left))

    def probe_conditions(self, prefix: str) -> Capabilities | Refusal:
        """Return what the server does with the conditions of requests, or why that cannot be tried."""
        found: list[Capabilities] = []

        def probe() -> None:
            found.append(probe_conditions(self._client, self.bucket, f"{prefix}{FOLDER}/"))

        refusal = self._refusals.of(probe)
        return found[0] if refusal is None else refusal

    def is_open(self, key: str) -> bool:
        """Return whether anybody may read this object."""
        return self._refusals.of(lambda: self._nobody.head_object(Bucket=self.bucket, Key=key)) is None

    @contextmanager
    def signed_put(self, prefix: str) -> Iterator[SignedPut]:
        """Give an object that may be PUT during the block, and is removed after it."""
        key, body = f"{prefix}{FOLDER}/{secrets.token_hex(8)}", secrets.token_bytes(_BYTES)
        url = presigned_put(self._client, self.bucket, key, size=len(body), content_type=TYPE, expires_s=60)
        try:
            yield SignedPut(url, {"Content-Type": TYPE}, body)
        finally:
            self._refusals.of(partial(self._delete, self._client, key))

    def _try_anybody(self, prefix: str, key: str, *, is_there: bool) -> tuple[frozenset[Right], Refusal | None]:
        """Return what anybody may do, and why that is not known. When the probe is not there, an object of the site is
        read, and nothing is put, since it could not be removed."""
        shown = key if is_there else self._first(prefix)
        attempts: dict[Right, Callable[[], object]] = {"list": partial(self._list, self._nobody, prefix)}
        if shown is not None:
            attempts["read"] = lambda: self._nobody.head_object(Bucket=self.bucket, Key=shown)
        if is_there:
            own = f"{key}-anybody"
            attempts["write"] = lambda: self._nobody.put_object(Bucket=self.bucket, Key=own, Body=b"By whom?")
            attempts["delete"] = partial(self._delete, self._nobody, key)
        refused = {right: self._refusals.of(act) for right, act in attempts.items()}
        if is_there and refused["write"] is None:
            self._refusals.of(partial(self._delete, self._client, own))
        doubts = [refusal for refusal in refused.values() if refusal is not None and not refusal.is_denied]
        if shown is None:
            doubts.append(NO_OBJECT)
        return frozenset(right for right, refusal in refused.items() if refusal is None), next(iter(doubts), None)

    def _first(self, prefix: str) -> str | None:
        """Return the key of an object below the prefix, None when there is none, or when it is not known."""
        try:
            found = self._list(self._client, prefix).get("Contents", [])
        except (BotoCoreError, ClientError):
            return None
        return found[0]["Key"] if found else None

    def _clear(self, folder: str) -> Iterator[str]:
        """Remove what is left below the folder, and yield the keys."""
        for item in self._client.list_objects_v2(Bucket=self.bucket, Prefix=folder).get("Contents", ()):
            self._delete(self._client, item["Key"])
            yield item["Key"]

    def _list(self, client: S3Client, prefix: str) -> Any:
        return client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=1)

    def _put(self, key: str, body: bytes, *, is_kept: bool) -> None:
        """Put the object, or with a wrong checksum try whether that would be allowed."""
        if is_kept:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body)
            return
        try:
            self._client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentMD5=_WRONG_MD5)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _WRONG_SUM:
                raise

    def _read(self, key: str, body: bytes, *, may_be_missing: bool) -> None:
        try:
            found = self._client.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if not (may_be_missing and code_of(error) in MISSING):
                raise
        else:
            if found != body:
                raise _OtherBytesError

    def _delete(self, client: S3Client, key: str) -> None:
        try:
            client.delete_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if code_of(error) not in MISSING:
                raise


class _OtherBytesError(BotoCoreError):
    fmt = "The storage gave other bytes than those it was sent"
