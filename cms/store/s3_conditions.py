"""What a server answers to a request that has a condition: `If-None-Match: *` on a PUT that creates, `If-Match` with an
ETag on a PUT that replaces and on a DELETE."""

from __future__ import annotations

from typing import Literal

from botocore.exceptions import ClientError

from cms.store.s3_client import MISSING, code_of

Outcome = Literal["failed", "conflict", "missing", "refused", "other"]

_REFUSALS = {"NotImplemented", "InvalidArgument", "InvalidRequest", "UnsupportedOperation", "BadRequest", "400"}
_REFUSALS |= {"SignatureDoesNotMatch"}  # a proxy in between has taken the header, which is signed, away


def outcome_of(error: ClientError) -> Outcome:
    """Return what the error means for the condition of the request; "other" when it says nothing about it."""
    status, code = error.response["ResponseMetadata"]["HTTPStatusCode"], code_of(error)
    if status in (412, 304):
        return "failed"
    if status == 409:
        return "conflict"
    if code in MISSING:
        return "missing"
    return "refused" if status == 501 or code in _REFUSALS else "other"
