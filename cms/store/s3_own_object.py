"""An object that is put into a bucket only to try what may be done there, and removed again."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cms.store.s3_client import MISSING, code_of
from cms.store.s3_conditions import Condition, Conditions, outcome_of
from cms.store.s3_probes import NO_TAG

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BYTES = 32
_WRONG_MD5 = base64.b64encode(bytes(16)).decode()
_WRONG_SUM = (400, 422)


@dataclass(frozen=True, slots=True)
class OwnObject:
    """Every method raises what the client raises. Conditions are sent where the server takes them, for a policy may let
    in nothing without one."""

    client: S3Client
    bucket: str
    key: str
    conditions: Conditions
    body: bytes = field(default_factory=lambda: secrets.token_bytes(_BYTES))

    @property
    def beside(self) -> OwnObject:
        """A second object, for somebody else to put."""
        return replace(self, key=f"{self.key}-beside")

    def put(self) -> None:
        def send(condition: Condition) -> object:
            where = {"Bucket": self.bucket, "Key": self.key, **condition}
            return self.client.put_object(**where, Body=self.body)  # type: ignore[arg-type]

        self.conditions.send("create", "", send, lambda: True)

    def try_to_put(self) -> None:
        """Try with a wrong checksum whether the object might be put: it could not be removed."""
        try:
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=self.body, ContentMD5=_WRONG_MD5)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in _WRONG_SUM:
                raise

    def try_to_delete(self) -> None:
        """Try whether the object might be deleted, while it is not there."""
        try:
            self.client.delete_object(Bucket=self.bucket, Key=self.key, IfMatch=NO_TAG)
        except ClientError as error:
            if outcome_of(error) == "refused":
                self.client.delete_object(Bucket=self.bucket, Key=self.key)
            elif outcome_of(error) == "other":
                raise

    def read(self, *, may_be_missing: bool) -> None:
        """Raise an error when the object does not hold its bytes, or is missing, unless it may be."""
        try:
            found = self.client.get_object(Bucket=self.bucket, Key=self.key)["Body"].read()
        except ClientError as error:
            if not (may_be_missing and code_of(error) in MISSING):
                raise
        else:
            if found != self.body:
                raise _OtherBytesError

    def delete(self) -> None:
        """Delete the object if it is there."""
        try:
            tag = self.client.head_object(Bucket=self.bucket, Key=self.key)["ETag"].strip('"')
        except ClientError as error:
            if code_of(error) in MISSING:
                return
            raise

        def send(condition: Condition) -> object:
            where = {"Bucket": self.bucket, "Key": self.key, **condition}
            return self.client.delete_object(**where)  # type: ignore[arg-type]

        self.conditions.send("delete", tag, send, lambda: True)


class _OtherBytesError(BotoCoreError):
    fmt = "The storage gave other bytes than those it was sent"
