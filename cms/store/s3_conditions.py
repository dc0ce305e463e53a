"""Finds out whether a server keeps the conditions of a PUT, by racing it: some servers ignore them, others keep them as
long as nobody races."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

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
            _kept[place] = _race(client, bucket, f"{prefix}probe-{secrets.token_hex(8)}")
            log.info("%s %s conditions on PUT", bucket, "keeps" if _kept[place] else "ignores")
        return _kept[place]


def _race(client: S3Client, bucket: str, key: str) -> bool:
    def put(number: int, condition: dict[str, str]) -> None:
        client.put_object(Bucket=bucket, Key=key, Body=str(number).encode(), **condition)  # type: ignore[arg-type]

    try:
        if _winners(partial(put, condition={"IfNoneMatch": "*"})) != 1:
            return False
        etag = client.head_object(Bucket=bucket, Key=key)["ETag"]
        return _winners(partial(put, condition={"IfMatch": etag.strip('"')})) == 1
    finally:
        client.delete_object(Bucket=bucket, Key=key)


def _winners(put: Callable[[int], None]) -> int:
    """How many of them the server has let; one that does not know the condition, or cannot race, lets nobody."""

    def is_let(number: int) -> bool:
        try:
            put(number)
        except ClientError:
            return False
        return True

    with ThreadPoolExecutor(RACERS) as pool:
        return sum(pool.map(is_let, range(RACERS)))
