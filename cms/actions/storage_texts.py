"""Says in plain words what a bucket's answers mean, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cms.actions.finding import Finding, Severity
from cms.actions.storage_places import Part
from cms.store.plain_http import Answer
from cms.store.s3_access import PartAccess
from cms.store.s3_probes import Capabilities
from cms.store.s3_refusals import Refusal, Right

CLOCK_S = 300.0
"""A difference of the clocks that is told; at 15 minutes a server refuses every request."""

_ACTIONS: dict[Right, str] = {
    "list": "s3:ListBucket", "read": "s3:GetObject", "write": "s3:PutObject", "delete": "s3:DeleteObject",
}  # fmt: skip
TOO_SKEWED = "RequestTimeTooSkewed"
_OF_RIGHTS = ("AccessDenied", "Forbidden", "403", "AllAccessDisabled")
_NOT_REACHED = {
    "storage_no_bucket": ("NoSuchBucket", "404", "InvalidBucketName", "ParamValidationError"),
    "storage_credentials": (
        "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "InvalidSecurity",
        "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "TokenRetrievalError",
    ),
    "storage_region": (
        "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException", "301",
    ),
}  # fmt: skip
"""Which answers keep a bucket from being used, by the code of the finding."""

UNREADABLE = {
    *_NOT_REACHED, "storage_unreachable", "storage_clock", "storage_list", "storage_read", "folder_missing",
    "folder_not_writable",
}  # fmt: skip
"""Codes of errors with which the site cannot be read."""


def place(url: str, endpoint: str, names: Sequence[str], parts: Iterable[Part]) -> Finding:
    where = _joined(part.prefix for part in parts)
    return Finding("info", url, "", f"at {endpoint}, for {_joined(names)}; in use are {where}", "storage_place")


def is_of_rights(refusal: Refusal) -> bool:
    """Return whether the server knows bucket and credentials, and lacks a right."""
    return refusal.code in _OF_RIGHTS


def not_reached(url: str, refusal: Refusal, why: str) -> Finding:
    codes = (code for code, causes in _NOT_REACHED.items() if refusal.code in causes)
    return Finding("error", url, "", why, next(codes, "storage_unreachable"))


def clock(url: str, difference_s: float) -> Iterator[Finding]:
    if abs(difference_s) > CLOCK_S:
        how = f"{abs(difference_s):,.0f} s {'behind' if difference_s > 0 else 'ahead of'} the server's"
        detail = (
            f"this machine's clock is {how}; set the wrong one, best by NTP: from 900 s on all requests are refused"
        )
        yield Finding("error", url, "", detail, "storage_clock")


def rights(url: str, access: Mapping[Part, PartAccess]) -> Iterator[Finding]:
    """Yield what the credentials may do in these parts of the bucket, and may not."""
    for right, action in _ACTIONS.items():
        refusals = {part: found.refused[right] for part, found in access.items() if right in found.refused}
        for cause in sorted({str(refusal) for refusal in refusals.values()}):
            where = _where([part for part, refusal in refusals.items() if str(refusal) == cause], access)
            detail = f"the credentials may not {right} in {where} ({cause}); allow them {action}"
            yield Finding("error", url, "", detail, f"storage_{right}")
    if whole := [part for part, found in access.items() if not found.refused]:
        detail = f"the credentials list, read, write and delete in {_where(whole, access)}"
        yield Finding("info", url, "", detail, "storage_rights")
    if removed := sum(found.removed for found in access.values()):
        detail = f"{removed} objects of an earlier check, which had been broken off, were removed"
        yield Finding("info", url, "", detail, "storage_cleared")


def public(url: str, access: Mapping[Part, PartAccess]) -> Iterator[Finding]:
    """Yield what anybody may do in these parts of the bucket without credentials."""
    for part, found in access.items():
        if part.secret and "read" in found.anybody.rights:
            detail = f"anybody can read here {part.secret}; take {part.prefix} out of what the bucket's policy opens"
            yield Finding("error", part.url, "", detail, "public_reads")
    for right, what in {
        "list": "list the bucket, and so find drafts and hidden photos",
        "write": "put objects",
        "delete": "delete objects",
    }.items():
        if open_parts := [part for part, found in access.items() if right in found.anybody.rights]:
            where = _where(open_parts, access)
            detail = f"anybody can {what}, in {where}; close the bucket: the public may read single objects alone"
            yield Finding("error", url, "", detail, f"public_{right}s")
    if unsure := [found.anybody.unsure for found in access.values() if found.anybody.unsure is not None]:
        detail = f"what the public may do is not known ({unsure[0]}); run the check again"
        yield Finding("warning", url, "", detail, "public_unknown")
    elif access:
        readable = [part.prefix for part, found in access.items() if "read" in found.anybody.rights and not part.secret]
        reads = _joined(readable) if readable else "nothing"
        yield Finding("info", url, "", f"of what may be public, anybody can read here: {reads}", "public_place")


def versions(url: str) -> Finding:
    detail = (
        "what is replaced or deleted stays here as an old version, which `cms purge` does not reach: let those expire"
    )
    return Finding("info", url, "", detail, "storage_versions")


def conditions(url: str, found: Capabilities | Refusal) -> Finding:
    if isinstance(found, Refusal):
        detail = f"what the server does with conditions is not known ({found}); run the check again"
        return Finding("warning", url, "", detail, "storage_conditions")
    said = f"conditions: to create {found.create}, to replace {found.replace}, to delete {found.delete}"
    severity: Severity = "info"
    if (found.create, found.replace) == ("kept", "kept"):
        meaning = "no save overwrites what others write to the bucket"
        if found.delete != "kept":
            meaning += ", but a deletion can remove what they write at the same moment"
    else:
        severity = "warning"
        meaning = "the lock of the database is the guard: let this deployment alone write to the bucket"
    return Finding(severity, url, "", f"{said}; {meaning}", "storage_conditions")


def direct_upload(url: str, answer: Answer, origin: str | None, may: bool | None) -> Iterator[Finding]:
    """Yield whether photos can be PUT there by a signed URL, and by a page of the origin; `may` is None when there is
    no origin to try."""
    if answer.status is None or not 200 <= answer.status < 300:
        detail = (
            f"a PUT by a signed URL is refused ({answer}), and so is what `POST /uploads` offers; allow the credentials"
        )
        yield Finding("error", url, "", f"{detail} s3:PutObject by signed URLs", "direct_upload")
        return
    if may is None:
        detail = "a PUT by a signed URL works; --origin https://… tries whether pages from there may"
        yield Finding("info", url, "", detail, "direct_upload")
    elif may:
        yield Finding("info", url, "", f"a PUT by a signed URL works, from pages of {origin}, too", "direct_upload")
    else:
        detail = f"pages of {origin} may not PUT here; give the bucket a CORS rule: origin {origin}, method PUT, header"
        yield Finding("error", url, "", f"{detail} content-type", "direct_upload_cors")


def _where(parts: Sequence[Part], access: Mapping[Part, PartAccess]) -> str:
    return "all parts in use" if len(parts) == len(access) > 1 else _joined(part.prefix for part in parts)


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)
