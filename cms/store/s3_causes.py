"""Says to operators why an S3 server does not do what it is asked: its place, its own code, and what to do."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore import exceptions as botocore
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3 import exceptions as urllib3

from cms.outages import Cause

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ENDPOINT = "Correct AWS_ENDPOINT_URL_S3, or start the server."
_KEY = "Correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
_RIGHTS = "Allow this access key to list the bucket, and to read, write and delete objects in it."
_REGION = "Correct AWS_DEFAULT_REGION and AWS_ENDPOINT_URL_S3: the bucket is elsewhere."
_BUSY = "The server is too busy; requests are tried again. If that lasts, ask the provider for a higher rate."
_SERVER = "The server has a fault of its own; look at its log or at the provider's status page."
_NO_CODE = "Look at the server's log; if this is no address of an S3 server, correct AWS_ENDPOINT_URL_S3."
_ROOM = "Make room in the storage, or raise its quota."
_TLS = "Correct http or https in AWS_ENDPOINT_URL_S3."
_CERTIFICATE = "Correct the certificate or its name, or name its authority in AWS_CA_BUNDLE."

ADVICE = {
    "NoSuchBucket": "Create the bucket, or correct CMS_SITE, CMS_MEDIA or CMS_UPLOADS.",
    "InvalidAccessKeyId": "Correct AWS_ACCESS_KEY_ID: the server knows no such key.",
    "SignatureDoesNotMatch": "Correct AWS_SECRET_ACCESS_KEY; some servers say this for a wrong region or path, too.",
    "AccessDenied": _RIGHTS,
    "AllAccessDisabled": _RIGHTS,
    "AccountProblem": "Ask the provider about the account.",
    "RequestTimeTooSkewed": "Set the clock of this machine, or of the server: they differ by 15 minutes or more.",
    "ExpiredToken": "Renew the temporary credentials.",
    "InvalidToken": "Correct AWS_SESSION_TOKEN, or leave it out.",
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "InvalidBucketName": "Correct the bucket's name in CMS_SITE, CMS_MEDIA or CMS_UPLOADS.",
    "SlowDown": _BUSY,
    "Throttling": _BUSY,
    "TooManyRequests": _BUSY,
    "ServiceUnavailable": _BUSY,
    "RequestTimeout": _BUSY,
    "InternalError": _SERVER,
    "QuotaExceeded": _ROOM,
    "InsufficientStorage": _ROOM,
    "XMinioStorageFull": _ROOM,
    "NotImplemented": "The server does not have this request; `cms check --storage` says what it can do.",
    "301": _REGION,
    "400": _TLS,
    "401": _KEY,
    "403": f"{_KEY} {_RIGHTS}",
    "409": "Several requests for one object were under way at once; try again.",
    "429": _BUSY,
    "500": _NO_CODE,
    "502": _NO_CODE,
    "503": _BUSY,
    "504": _NO_CODE,
    "507": _ROOM,
}
_PLAIN_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def place_of(client: S3Client, bucket: str) -> str:
    """Return the server and the bucket, without credentials that a URL may hold."""
    parts = urlsplit(client.meta.endpoint_url)
    return f"S3 at {parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}, bucket {bucket}"


def cause_of(error: Exception, client: S3Client, bucket: str) -> Cause:
    """Return the cause behind what the client raised."""
    place = place_of(client, bucket)
    if isinstance(error, ClientError):
        return _answered(error, place, _code_of(error, client, bucket))
    for link in _chain(error):
        if (found := _of_network(link)) is not None:
            return Cause(place, *found, is_whole=True)
    return Cause(place, *_of_client(error), is_whole=True)


def of_settings(error: Exception) -> Cause:
    """Return the cause why there can be no client at all."""
    return Cause("S3", *_of_client(error), is_whole=True)


def _answered(error: ClientError, place: str, code: str) -> Cause:
    status = _status(error)
    advice = ADVICE.get(code) or ADVICE.get(str(status)) or "Look at the server's log."
    said = f"HTTP status {code}" if code.isdigit() else f"{code} ({status})"
    return Cause(place, f"{error.operation_name} is answered with {said}", advice)


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _code_of(error: ClientError, client: S3Client, bucket: str) -> str:
    """Return the server's own code. The answer to HEAD has no body that could hold one, so the list is asked for."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    if code.isdigit() and error.operation_name == "HeadObject" and _status(error) < HTTPStatus.INTERNAL_SERVER_ERROR:
        try:
            client.list_objects_v2(Bucket=bucket, MaxKeys=1)
        except ClientError as again:
            # A server that fails at the list says nothing of why it refuses HEAD.
            if _status(again) < HTTPStatus.INTERNAL_SERVER_ERROR:
                code = str(again.response.get("Error", {}).get("Code", code))
        except BotoCoreError:
            pass  # the status is all that is known
    return code if _PLAIN_CODE.fullmatch(code) else "an unknown code"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _of_network(error: BaseException) -> tuple[str, str] | None:
    """Return what an error of the network says, and what to do; None for another kind."""
    if isinstance(error, socket.gaierror):
        return "the name is not resolved", _ENDPOINT
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({error.verify_message})", _CERTIFICATE
    if isinstance(error, ssl.SSLError):
        return f"TLS fails ({error.reason})", _TLS
    if isinstance(error, TimeoutError):
        return "no answer in time (ETIMEDOUT)", _ENDPOINT
    if isinstance(error, OSError) and (name := errno.errorcode.get(error.errno or 0)):
        return f"{error.strerror} ({name})", _ENDPOINT
    return None


def _of_client(error: Exception) -> tuple[str, str]:
    known = ((said, advice) for kind, said, advice in _OF_CLIENT if isinstance(error, kind))
    return next(known, (type(error).__name__, "Correct the variables that begin with AWS_."))


_OF_CLIENT: tuple[tuple[type[Exception], str, str], ...] = (
    (botocore.NoCredentialsError, "no credentials", "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."),
    (botocore.PartialCredentialsError, "half of the credentials", _KEY),
    (botocore.NoRegionError, "no region", "Set AWS_DEFAULT_REGION; us-east-1 does where there are no regions."),
    (botocore.ProfileNotFound, "no such profile", "Correct AWS_PROFILE, or leave it out."),
    (botocore.ParamValidationError, "no name that a bucket can have", ADVICE["InvalidBucketName"]),
    (ResponseParserError, "the answer is not of S3", _ENDPOINT),
    (botocore.ConnectTimeoutError, "no connection in time", _ENDPOINT),
    (botocore.ReadTimeoutError, "no answer in time", _ENDPOINT),
    (urllib3.ReadTimeoutError, "no answer in time", _ENDPOINT),
    (botocore.ConnectionClosedError, "the connection was closed without an answer", _ENDPOINT),
    (botocore.IncompleteReadError, "the answer broke off", _SERVER),
    (urllib3.ProtocolError, "the answer broke off", _SERVER),
    (ValueError, "AWS_ENDPOINT_URL_S3 is no URL", "Correct AWS_ENDPOINT_URL_S3."),
)
