"""The connection to an S3-compatible server: portable settings, and a deadline for all that goes over it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO

import boto3
from botocore import UNSIGNED
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from botocore.session import get_session
from botocore.utils import determine_content_length, parse_timestamp
from urllib3.exceptions import HTTPError

from cms.errors import Unavailable
from cms.outages import outages
from cms.store import s3_causes
from cms.store.base import Part

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef
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
    max_pool_connections=32,  # as many as race when a server is probed
)
DEADLINE_S = 25.0
"""No further attempt is begun after so long; a stream may take longer by its size at `SLOWEST`."""

SLOWEST = 256 * 1024
"""Bytes a second."""

AT_ONCE = 1024 * 1024
"""Of a body that is larger the server is asked first whether it takes it (`Expect: 100-continue`). Where a server does
not answer that, as R2 does not, it costs a second, and after an empty body boto3 loses the answer (botocore#3755)."""

CHUNK = 256 * 1024
STREAM_ATTEMPTS = 4
MISSING = {"NoSuchKey", "404", "NotFound"}
_SILENT = "The object storage does not answer as it should; try again."

_models = create_loader()
"""What it has read of S3's own description takes 12 MB, and is the same for every client."""


def connect(*, anonymous: bool = False) -> S3Client:
    """A client by boto3's own variables; `anonymous` has no credentials. `Unavailable` when they make no sense."""
    config = PORTABLE.merge(Config(signature_version=UNSIGNED)) if anonymous else PORTABLE
    session = get_session()
    session.register_component("data_loader", _models)
    session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_time_of)
    try:
        client: S3Client = boto3.session.Session(botocore_session=session).client("s3", config=config)
    except (BotoCoreError, ValueError) as error:
        raise Unavailable(_SILENT, code="storage", cause=s3_causes.of_settings(error)) from error
    client.meta.events.register("request-created.s3", _check_time)
    client.meta.events.register("request-created.s3.PutObject", _send_at_once)
    return client


@contextmanager
def translated(client: S3Client, bucket: str) -> Iterator[None]:
    """`Unavailable` in place of what the client says when the server does not answer as it should."""
    try:
        yield
    except (ClientError, BotoCoreError, HTTPError, ResponseParserError) as error:
        raise Unavailable(_SILENT, code="storage", cause=s3_causes.cause_of(error, client, bucket)) from error
    if outages.are_any():
        outages.answered(s3_causes.place_of(client, bucket))


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def presigned_put(client: S3Client, bucket: str, key: str, *, size: int, content_type: str, expires_s: int) -> str:
    """Return a URL to which anybody may PUT just that many bytes of that type, for so many seconds."""
    pinned = {"ContentLength": size, "ContentType": content_type}
    return client.generate_presigned_url(
        "put_object", Params={"Bucket": bucket, "Key": key, **pinned}, ExpiresIn=expires_s
    )


def fetch(client: S3Client, asked: GetObjectRequestTypeDef, out: BinaryIO, part: Part | None) -> bool:
    """Write the object's bytes, or that part of them; False when there is no such object."""
    if part is not None:
        asked["Range"] = f"bytes={part.start}-{part.stop - 1}"
    # The client itself does not try again once bytes have begun to come.
    for attempt in range(1, STREAM_ATTEMPTS + 1):
        try:
            answer = client.get_object(**asked)
        except ClientError as error:
            if code_of(error) in MISSING:
                return False
            raise
        out.seek(0)
        out.truncate()
        try:
            size = answer.get("ContentLength") if part is None else part.stop - part.start
            _copy_all(answer["Body"]._raw_stream, out, size)  # type: ignore[attr-defined]
        except (HTTPError, IncompleteReadError):
            if attempt == STREAM_ATTEMPTS:
                raise
            time.sleep(0.1 * 2**attempt)
        else:
            return True
    return False


def _copy_all(source: HTTPResponse, out: BinaryIO, size: int | None) -> None:
    """Copy just so many bytes; an error when fewer come, or too slowly. None: all, in chunks of which the last one is
    marked."""
    # What has come is taken as it comes: a server that trickles would never fill a larger read.
    began, copied = time.monotonic(), 0
    while chunk := source.read1(CHUNK):
        out.write(chunk)
        copied += len(chunk)
        if time.monotonic() > began + DEADLINE_S + (size or copied) / SLOWEST:
            raise _OutOfTimeError
    if size is not None and copied != size:
        raise IncompleteReadError(actual_bytes=copied, expected_bytes=size)


class _OutOfTimeError(BotoCoreError):
    fmt = "The storage has not answered for too long"


def _time_of(text: str) -> datetime | None:
    """A time in an answer; None for what is no time."""
    try:
        return parse_timestamp(text)
    except ValueError:
        return None


def _send_at_once(request: AWSRequest, **_: object) -> None:
    """Before each attempt of a PUT: wait with the body for an answer only if it is large."""
    if (determine_content_length(request.data) or 0) <= AT_ONCE:
        del request.headers["Expect"]


def _check_time(request: AWSRequest, **_: object) -> None:
    """Before each attempt of a call: end it when the first began too long ago."""
    if time.monotonic() - request.context.setdefault("cms_began", time.monotonic()) > DEADLINE_S:
        raise _OutOfTimeError
