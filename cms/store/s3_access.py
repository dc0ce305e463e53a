"""Tries, with objects of its own, what the credentials may do in a bucket, and what anybody may do without them.

Every object lies below a folder `FOLDER`, which lists leave out. It is removed again; one that is left because its
trial was killed is removed by the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from cms.store.s3_anybody import Anybody, AnybodyAccess
from cms.store.s3_causes import cause_of
from cms.store.s3_client import connect, presigned_put
from cms.store.s3_conditions import Conditions
from cms.store.s3_own_object import OwnObject
from cms.store.s3_probes import Capabilities, probe_conditions
from cms.store.s3_refusals import Refusal, Refusals, Right

FOLDER = ".cms-check"
TYPE = "image/png"
"""The media type of what is PUT by a signed URL."""


@dataclass(frozen=True, slots=True)
class PartAccess:
    """The rights that the credentials lack in a part of a bucket (`refused`), and those that anybody has. `removed`
    counts objects that an earlier trial had left."""

    refused: dict[Right, Refusal]
    anybody: AnybodyAccess
    removed: int


@dataclass(frozen=True, slots=True)
class SignedPut:
    """The URL to which a client is to PUT an object, and the headers it has to send."""

    url: str
    headers: dict[str, str]
    body: bytes


class BucketTrial:
    """Requests to one bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self._client, self._refusals, self._conditions = connect(), Refusals(), Conditions()

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
        return self._refusals.of(partial(self._list, prefix))

    def explain(self, refusal: Refusal) -> str:
        """Return where the request failed, why, and what to do."""
        return str(cause_of(refusal.error or LookupError(), self._client, self.bucket))

    def try_part(self, prefix: str) -> PartAccess:
        """Try all rights with an object below the prefix, which is "" or ends in a slash."""
        own = self._own(prefix)
        refused: dict[Right, Refusal] = {}
        left: list[str] = []

        def attempt(right: Right, act: Callable[[], object]) -> None:
            if (refusal := self._refusals.of(act)) is not None:
                refused[right] = refusal

        attempt("list", lambda: left.extend(self._clear(f"{prefix}{FOLDER}/")))
        attempt("delete", own.try_to_delete)
        try:
            attempt("write", own.try_to_put if "delete" in refused else own.put)
            attempt("read", partial(own.read, may_be_missing=bool(refused)))
            anybody = Anybody(self.bucket)
            if refused:
                found = anybody.try_reading(prefix, self._first(prefix))
            else:
                found = anybody.try_all(prefix, own.key, own.beside.key)
        finally:
            for mine in (own, own.beside):
                self._refusals.of(mine.delete)
        return PartAccess(refused, found, len(left))

    def probe_conditions(self, prefix: str) -> Capabilities | Refusal:
        """Return what the server does with the conditions of requests, or why that cannot be tried."""
        found: list[Capabilities] = []

        def probe() -> None:
            found.append(probe_conditions(self._client, self.bucket, f"{prefix}{FOLDER}/"))

        refusal = self._refusals.of(probe)
        return found[0] if refusal is None else refusal

    @contextmanager
    def signed_put(self, prefix: str) -> Iterator[SignedPut]:
        """Give an object that may be PUT during the block, and is removed after it."""
        own = self._own(prefix)
        size = len(own.body)
        url = presigned_put(self._client, self.bucket, own.key, size=size, content_type=TYPE, expires_s=60)
        try:
            yield SignedPut(url, {"Content-Type": TYPE}, own.body)
        finally:
            self._refusals.of(own.delete)

    def keeps_versions(self) -> bool:
        """Return whether the server tells that the bucket keeps what is replaced and deleted."""
        found: list[str] = []
        self._refusals.of(
            lambda: found.append(self._client.get_bucket_versioning(Bucket=self.bucket).get("Status", ""))
        )
        return found == ["Enabled"]

    def remove_versions(self, prefix: str) -> None:
        """Remove what a bucket that keeps versions has kept of the objects of trials below the prefix, if the
        credentials may."""
        self._refusals.of(partial(self._remove_versions, f"{prefix}{FOLDER}/"))

    def _remove_versions(self, folder: str) -> None:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=folder)
        for page in pages:
            # The newest may be of a trial that runs just now; without its marker a deleted object would be back.
            replaced = [item for item in page.get("Versions", ()) if not item["IsLatest"]]
            for item in (*replaced, *page.get("DeleteMarkers", ())):
                self._client.delete_object(Bucket=self.bucket, Key=item["Key"], VersionId=item["VersionId"])

    def _own(self, prefix: str) -> OwnObject:
        return OwnObject(self._client, self.bucket, f"{prefix}{FOLDER}/{secrets.token_hex(8)}", self._conditions)

    def _first(self, prefix: str) -> str | None:
        """Return the key of an object below the prefix, None when there is none, or when it is not known."""
        try:
            found = self._list(prefix).get("Contents", [])
        except (BotoCoreError, ClientError):
            return None
        return found[0]["Key"] if found else None

    def _clear(self, folder: str) -> Iterator[str]:
        """Remove what is left below the folder, and yield the keys."""
        for item in self._client.list_objects_v2(Bucket=self.bucket, Prefix=folder).get("Contents", ()):
            OwnObject(self._client, self.bucket, item["Key"], self._conditions).delete()
            yield item["Key"]

    def _list(self, prefix: str) -> Any:
        return self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, MaxKeys=1)
