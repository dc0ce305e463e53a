"""Finds out by trying what a server does: whether the public can read a bucket, and whether it keeps the conditions of
a request, which some servers refuse, others ignore, and others keep as long as nobody races."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from cms.store.s3_bucket import tag_of
from cms.store.s3_client import connect
from cms.store.s3_conditions import Condition, Conditions, Outcome, outcome_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RACERS = 32
ROUNDS = 3
"""How often they race: a server that is racy may be lucky once."""

NO_TAG = "0" * 32
"""An ETag that no object has."""

Behaviour = Literal["kept", "ignored", "refused", "racy"]
"""What a server does with a condition; "racy": it keeps the condition in sequence, and lets several win that race."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The behaviour of a bucket's server: with `If-None-Match: *` of a PUT that creates, and with `If-Match` of a PUT
    that replaces and of a DELETE."""

    create: Behaviour
    replace: Behaviour
    delete: Behaviour


def probe_conditions(client: S3Client, bucket: str, prefix: str) -> Capabilities:
    """Return what the bucket's server does with conditions, by up to 350 requests for an object below the prefix, which
    is removed. Raises what the client raises when the server refuses for another reason, or does not answer."""
    probe = _Probe(client, bucket, _name(prefix))
    try:
        return Capabilities(*map(_worst, (probe.create, probe.replace, probe.delete)))
    finally:
        probe.remove()


def answers_anybody(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether somebody without credentials can read what lies there."""
    where, nobody, conditions = {"Bucket": bucket, "Key": _name(prefix)}, connect(anonymous=True), Conditions()

    def put(condition: Condition) -> str:
        return tag_of(client.put_object(**where, **condition, Body=b"Who can read this?"))  # type: ignore[arg-type]

    def remove(condition: Condition) -> None:
        client.delete_object(**where, **condition)  # type: ignore[arg-type]

    # A policy may let in nothing without a condition.
    tag = conditions.send("create", "", put, lambda: True)
    try:
        nobody.get_object(Bucket=where["Bucket"], Key=where["Key"])["Body"].close()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return False
    finally:
        conditions.send("delete", tag, remove, lambda: True)
    return True


def _name(prefix: str) -> str:
    return f"{prefix}probe-{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class _Probe:
    """The object that the requests are for."""

    client: S3Client
    bucket: str
    key: str

    def remove(self) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.key)

    def create(self) -> Behaviour:
        self.remove()
        return _judge(partial(self._put, IfNoneMatch="*"), again=partial(self._put, IfNoneMatch="*"))

    def replace(self) -> Behaviour:
        for tag in self._tags():
            found = _judge(partial(self._put, IfMatch=tag), again=partial(self._put, IfMatch=NO_TAG))
            if found != "refused":
                return found
        return "refused"

    def delete(self) -> Behaviour:
        for tag in self._tags():
            without = _try(partial(self._delete, NO_TAG))
            if without in ("done", "refused"):
                return "ignored" if without == "done" else "refused"
            # Whoever deletes what a tag names may not delete what has just taken its place.
            _race([self._put, *[partial(self._delete, tag)] * (RACERS - 1)])
            if not self._is_there():
                return "racy"
            if _try(partial(self._delete, self._form_of(tag))) == "done":
                return "kept"
        return "refused"

    def _tags(self) -> Sequence[str]:
        """The tag of an object that is there, as some servers want it, and as others do."""
        self._put()
        return self._tag(), f'"{self._tag()}"'

    def _form_of(self, tag: str) -> str:
        return f'"{self._tag()}"' if tag.startswith('"') else self._tag()

    def _tag(self) -> str:
        return tag_of(self.client.head_object(Bucket=self.bucket, Key=self.key))

    def _is_there(self) -> bool:
        return _try(partial(self.client.head_object, Bucket=self.bucket, Key=self.key)) == "done"

    def _put(self, **condition: str) -> None:
        # The same bytes once more would have the same tag, and so let another one in.
        body = secrets.token_bytes(8)
        self.client.put_object(Bucket=self.bucket, Key=self.key, Body=body, **condition)  # type: ignore[arg-type]

    def _delete(self, tag: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=self.key, IfMatch=tag)


def _worst(behaviour: Callable[[], Behaviour]) -> Behaviour:
    found: Behaviour = "kept"
    for _ in range(ROUNDS):
        if found == "kept":
            found = behaviour()
    return found


def _judge(attempt: Callable[[], object], *, again: Callable[[], object]) -> Behaviour:
    """Return what the server does with a condition that one of many who race may pass, and `again`, after them,
    may not."""
    won = _race([attempt] * RACERS).count("done")
    if won == 1:
        return "kept"
    if won == 0:
        return "refused"
    return "ignored" if _try(again) == "done" else "racy"


def _race(attempts: Sequence[Callable[[], object]]) -> list[Outcome | Literal["done"]]:
    with ThreadPoolExecutor(len(attempts)) as pool:
        return list(pool.map(_try, attempts))


def _try(attempt: Callable[[], object]) -> Outcome | Literal["done"]:
    try:
        attempt()
    except ClientError as error:
        outcome = outcome_of(error)
        if outcome == "other" and error.response["ResponseMetadata"]["HTTPStatusCode"] < 500:
            raise
        return outcome
    return "done"
