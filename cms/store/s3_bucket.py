"""Reads a bucket: the bytes of its objects, and what it tells of them without their bytes.

Some servers leave out what others always say: s3s-fs lists objects without ETags (apache/opendal#3478), Ceph behind
openresty answers HEAD without Last-Modified (fsspec/s3fs#162), gateways that compress drop Content-Length and make
ETags weak (aws/aws-sdk-java#2380). What HEAD leaves out is taken from the list, and what the list leaves out from HEAD,
so that both tell the same of an object.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict, cast

from botocore.exceptions import BotoCoreError, ClientError

from cms.store import s3_version
from cms.store.base import Key, Part, Stat, Version, check_key, is_key, version_of
from cms.store.s3_client import MISSING, code_of, fetch, translated

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

IN_MEMORY = 4 * 1024 * 1024
"""What is larger is read by way of a temporary file."""

PAGE = 1000
"""So many files are listed at a time."""


class _Facts(TypedDict, total=False):
    """The facts of an object in one answer: its size in bytes, its ETag, its time in seconds since the epoch."""

    size: int
    tag: str
    modified: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The objects of a bucket whose names begin with the prefix; their keys are what follows."""

    client: S3Client
    name: str
    prefix: str

    def translated(self) -> AbstractContextManager[None]:
        """`Unavailable` in place of what the client raises in the block when the server does not do as it should."""
        return translated(self.client, self.name)

    def head(self, key: Key) -> HeadObjectOutputTypeDef | None:
        """Return the server's answer to HEAD, None when there is no such object."""
        check_key(key)
        with self.translated():
            try:
                return self.client.head_object(Bucket=self.name, Key=self.prefix + key)
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def open(self, key: Key, part: Part | None = None) -> BinaryIO | None:
        """Open the object for reading, as a store does."""
        check_key(key)
        # All of it at once: a connection that breaks half-way is noticed here, and readers may seek.
        stream = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115  the caller closes
        try:
            with self.translated():
                is_there = fetch(self.client, {"Bucket": self.name, "Key": self.prefix + key}, stream, part)
        except BaseException:
            stream.close()
            raise
        if not is_there:
            stream.close()
            return None
        stream.seek(0)
        return stream

    def version(self, key: Key, head: HeadObjectOutputTypeDef | None) -> Version | None:
        """Return the version of the object that HEAD has told of; its bytes are read where HEAD does not tell it."""
        if head is None:
            return None
        if (version := s3_version.known(head["Metadata"], tag_of(head))) is not None:
            return version
        stream = self.open(key)
        if stream is None:
            return None
        with stream:
            return version_of(stream)

    def is_still(self, key: Key, tag: str | None) -> bool:
        """Return whether the object has the ETag; None: whether there is no object."""
        head = self.head(key)
        return tag == (None if head is None else tag_of(head))

    def stat(self, key: Key) -> Stat | None:
        head = self.head(key)
        if head is None:
            return None
        facts = _facts(head, "ContentLength")
        facts = facts if _is_complete(facts) else {**self._listed(key), **facts}
        with self.translated():
            return _stat(key, facts)

    def list_in_order(self, folder: str, after: str) -> Iterator[Stat]:
        """Yield the objects by key, as a store does; `folder` ends in a slash."""
        pages = self.client.get_paginator("list_objects_v2")
        start, first = self.prefix + folder, self.prefix + after if after else ""
        with self.translated():
            for page in pages.paginate(
                Bucket=self.name, Prefix=start, StartAfter=first, PaginationConfig={"PageSize": PAGE}
            ):
                for item in page.get("Contents", ()):
                    key, below = item["Key"].removeprefix(self.prefix), item["Key"].removeprefix(start)
                    is_shown = is_key(key) and not any(part.startswith(".") for part in below.split("/"))
                    if is_shown and key > after and (stat := self._stat_of(Key(key), item)) is not None:
                        yield stat

    def _stat_of(self, key: Key, item: Mapping[str, Any]) -> Stat | None:
        """Return the facts of an object as it is listed; None when it is gone by now."""
        facts = _facts(item, "Size")
        if _is_complete(facts):
            return _stat(key, facts)
        head = self.head(key)
        return None if head is None else _stat(key, {**facts, **_facts(head, "ContentLength")})

    def _listed(self, key: Key) -> _Facts:
        """Return what the list says of the object."""
        name = self.prefix + key
        with self.translated():
            page = self.client.list_objects_v2(Bucket=self.name, Prefix=name, MaxKeys=1)
        listed = [item for item in page.get("Contents", ()) if item["Key"] == name]
        return _facts(listed[0], "Size") if listed else _Facts()


def tag_of(answer: Mapping[str, Any]) -> str:
    """Return the ETag without quotes and without the sign of a weak one; "" where the server gives none."""
    tag: str = answer.get("ETag", "")
    return tag.strip().removeprefix("W/").strip('"')


def _facts(answer: Mapping[str, Any], size: str) -> _Facts:
    facts: _Facts = {}
    if size in answer:
        facts["size"] = answer[size]
    if tag := tag_of(answer):
        facts["tag"] = tag
    if (modified := answer.get("LastModified")) is not None:
        facts["modified"] = modified.timestamp()
    return facts


def _is_complete(facts: _Facts) -> bool:
    return facts.keys() == _Facts.__annotations__.keys()


def _stat(key: Key, facts: _Facts) -> Stat:
    """Return what the answers say together; raise `_IncompleteError` when that is too little."""
    size, tag, modified = facts.get("size"), facts.get("tag", ""), facts.get("modified", 0.0)
    if size is None or not (tag or modified):
        raise _IncompleteError(key=key)
    return Stat(key, size, f"{tag}-{size}-{int(modified)}", modified, modified)


class _IncompleteError(BotoCoreError):
    fmt = "The storage tells neither by HEAD nor in its list the size of {key}, or its ETag or time"
