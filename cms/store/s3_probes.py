"""Finds out by trying what a server does: whether the public can read a bucket, and whether it keeps the conditions of
a PUT, which some servers ignore, and others keep as long as nobody races."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cms.store.s3_client import connect

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

log = logging.getLogger("cms.store")

RACERS = 32

_kept: dict[tuple[str, str], bool] = {}
_lock = threading.Lock()


def are_kept(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether of many who PUT at once, on the same condition, exactly one is let; each process asks a bucket once."""
    place = client.meta.endpoint_url, bucket
    with _lock:
        if place not in _kept:
            _kept[place] = _race(client, bucket, _name(prefix))
            log.info("%s %s conditions on PUT", bucket, "keeps" if _kept[place] else "ignores")
        return _kept[place]


def answers_anybody(client: S3Client, bucket: str, prefix: str) -> bool:
    """Whether somebody without credentials can read what lies there."""
    probe, nobody = _name(prefix), connect(anonymous=True)
    client.put_object(Bucket=bucket, Key=probe, Body=b"Who can read this?")
    try:
        nobody.get_object(Bucket=bucket, Key=probe)["Body"].close()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        return False
    finally:
        client.delete_object(Bucket=bucket, Key=probe)
    return True


def _name(prefix: str) -> str:
    return f"{prefix}probe-{secrets.token_hex(8)}"


def _race(client: S3Client, bucket: str, key: str) -> bool:
    def put(condition: dict[str, str]) -> None:
        # The same bytes once more would have the same tag, and so let another one in.
        body = secrets.token_bytes(8)
        client.put_object(Bucket=bucket, Key=key, Body=body, **condition)  # type: ignore[arg-type]

    try:
        if _winners(partial(put, {"IfNoneMatch": "*"})) != 1:
            return False
        etag = client.head_object(Bucket=bucket, Key=key)["ETag"]
        return _winners(partial(put, {"IfMatch": etag.strip('"')})) == 1
    finally:
        client.delete_object(Bucket=bucket, Key=key)


def _winners(put: Callable[[], None]) -> int:
    """How many of them the server has let; one that does not know the condition, or cannot race, lets nobody."""

    def is_let(_: int) -> bool:
        try:
            put()
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(RACERS) as pool:
        return sum(pool.map(is_let, range(RACERS)))
