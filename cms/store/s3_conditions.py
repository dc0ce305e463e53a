"""Decides on what condition a request is sent, and what its answer means.

A writer always holds the key's lock. A condition holds off those, too, who write to the bucket without us, so each PUT
and DELETE has one: `If-None-Match: *` to create, `If-Match` with the ETag that was seen to replace and to delete.
Servers differ in what they make of it; it is learned from their answers:

| answer to the request with its condition | what is done | where it is met |
|---|---|---|
| 2xx | done; a server that ignores the condition answers so, too, and the lock alone guards it | ignored: rclone; on DELETE MinIO (minio#21677), RustFS (discussion 2602), Ceph 16 |
| 412, or 304, and the object has changed | `Stale`, or done if the bytes are our own: the answer to an earlier attempt was lost | AWS, R2, SeaweedFS, Ceph, Selectel |
| 404 to `If-Match` | `Stale`; to a DELETE that was sent again: done | AWS (localstack#13894) |
| 412, and the object is what was expected | the ETag is sent in quotes; then without condition | quotes are refused by Ceph 16 and DigitalOcean (slatedb#1818), so they are left out at first, as in AWS's examples |
| 501, 400 on account of a header, a signature that does not match | the same | Backblaze B2, OVHcloud, StorageGRID; proxies that take the header away |
| 409 | sent again up to `ATTEMPTS` times, then `Unavailable`: nothing is known to have changed | AWS `ConditionalRequestConflict`: "retry"; OVHcloud `OperationAborted` (arrow-rs#4777) |
| anything else | `Unavailable` | |

"Without condition" means by HEAD, and then under the lock alone: what is written by hand between the two is lost. It is
remembered for one kind of request, for `FIRST_S`, and twice as long each time that it is met again in a row, up to
`REMEMBERED_S`: one odd answer of a proxy is no rule, and a server may be upgraded. Servers that keep conditions only as
long as nobody races (Swift; SeaweedFS 4.16, #8800; RustFS behind several endpoints, #1659) are sent them, too: they
hold off all but those who come at the same moment. `s3_probes.probe_conditions` tells them apart, for operators only.

Sources: AWS S3 user guide, "conditional-writes" and "conditional-deletes" (general purpose buckets since September
2025); Cloudflare R2, "conditional operations" (PUT; DELETE is not named there); seaweedfs#8802.
"""  # noqa: E501  a table's rows are lines

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, TypeVar

from botocore.exceptions import ClientError

from cms.store.s3_client import MISSING, code_of

log = logging.getLogger("cms.store")

ATTEMPTS = 6
PAUSE_S = 0.05
"""Before the second attempt; each further one waits twice as long, which makes 1.5 seconds."""

FIRST_S, REMEMBERED_S = 60.0, 3600.0

Kind = Literal["create", "replace", "delete"]
Outcome = Literal["failed", "conflict", "missing", "refused", "other"]
Condition = Mapping[str, str]
"""A parameter of boto3's `put_object` and `delete_object`, or none."""

T = TypeVar("T")

_REFUSALS = {"NotImplemented", "InvalidArgument", "InvalidRequest", "UnsupportedOperation", "BadRequest", "400"}
_REFUSALS |= {"SignatureDoesNotMatch"}


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


def was_retried(answer: Mapping[str, Any]) -> bool:
    """Return whether boto3 has sent the request more than once, for want of an answer."""
    return bool(answer.get("ResponseMetadata", {}).get("RetryAttempts"))


class Conditions:
    """Sends requests with conditions, and remembers what the bucket's server has made of them."""

    def __init__(self) -> None:
        self._without_until: dict[Kind, float] = {}
        self._remembered_s: dict[Kind, float] = {}
        self._is_quoted = False

    def send(self, kind: Kind, tag: str, request: Callable[[Condition], T], is_unchanged: Callable[[], bool]) -> T:
        """Return what `request` returns once the server has taken it with a condition, or refuses all conditions.

        `tag` is the ETag of what is to be replaced or deleted, "" where there is none; `is_unchanged` says whether the
        object is still what was expected. Raise the last `ClientError`: its outcome is "failed" or "missing" when the
        object has changed, and "conflict" when there was no end of them.
        """
        was_refused = False
        for condition in self._to_try(kind, tag):
            try:
                answer = _patiently(request, condition)
            except ClientError as error:
                outcome = outcome_of(error)
                if not condition or not (outcome == "refused" or (outcome == "failed" and is_unchanged())):
                    raise
                # That something is there to a server, and not to HEAD, says nothing of other objects.
                was_refused |= outcome == "refused" or kind != "create"
            else:
                self._learn(kind, condition, was_refused=was_refused)
                return answer
        raise AssertionError("the last one has no condition")

    def _to_try(self, kind: Kind, tag: str) -> Iterator[Condition]:
        if time.monotonic() >= self._without_until.get(kind, 0.0):
            if kind == "create":
                yield {"IfNoneMatch": "*"}
            elif tag:
                for is_quoted in (self._is_quoted, not self._is_quoted):
                    yield {"IfMatch": f'"{tag}"' if is_quoted else tag}
        yield {}

    def _learn(self, kind: Kind, condition: Condition, *, was_refused: bool) -> None:
        if condition:
            self._remembered_s.pop(kind, None)
        if "IfMatch" in condition:
            self._is_quoted = condition["IfMatch"].startswith('"')
        elif was_refused:
            self._remembered_s[kind] = min(2 * self._remembered_s.get(kind, FIRST_S / 2), REMEMBERED_S)
            self._without_until[kind] = time.monotonic() + self._remembered_s[kind]
            log.info("the storage refuses the condition of a request to %s; the lock alone guards it", kind)


def _patiently(request: Callable[[Condition], T], condition: Condition) -> T:
    """Send the request; again after a pause when something else is under way at the same object. The error that is
    raised counts the retries of all attempts: what the last one met may be the work of an earlier one."""
    retries = 0
    for attempt in range(ATTEMPTS):
        try:
            return request(condition)
        except ClientError as error:
            about = error.response["ResponseMetadata"]
            about["RetryAttempts"] = retries = retries + about.get("RetryAttempts", 0)
            if outcome_of(error) != "conflict" or attempt == ATTEMPTS - 1:
                raise
        time.sleep(PAUSE_S * 2**attempt)
    raise AssertionError("unreachable")
