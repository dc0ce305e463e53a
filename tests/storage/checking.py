"""`cms check --storage` as a process, on buckets of real servers, and what lies in them before and after."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cms.settings import load
from cms.store.s3_client import connect
from tests.components import SECRET, cms, s3_environment
from tests.conftest import close, make_context

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Checked:
    """What a check has found, and the status it ended with."""

    status: int
    findings: list[dict[str, Any]]

    def codes(self, severity: str) -> set[str]:
        return {one["code"] for one in self.findings if one["severity"] == severity}

    def details(self, code: str) -> str:
        return "\n".join(f"{one['path']} {one['detail']}" for one in self.findings if one["code"] == code)

    def paths(self, code: str) -> set[str]:
        return {one["path"] for one in self.findings if one["code"] == code}


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own, on a server that these variables lead to."""

    name: str
    client: S3Client
    environment: dict[str, str]

    @property
    def url(self) -> str:
        """Where anybody would read from the bucket."""
        return f"{self.environment['AWS_ENDPOINT_URL_S3']}/{self.name}"

    def objects(self) -> dict[str, str]:
        found = self.client.list_objects_v2(Bucket=self.name).get("Contents", ())
        return {item["Key"]: item["ETag"] for item in found}

    def versions(self) -> set[tuple[str, str]]:
        """The keys and version ids of all that lies there, markers of deletions too."""
        found = self.client.list_object_versions(Bucket=self.name)
        items = (*found.get("Versions", ()), *found.get("DeleteMarkers", ()))
        return {(item["Key"], item["VersionId"]) for item in items}

    def fill(self, site: Path, prefix: str) -> None:
        """Put the files of the site there."""
        for path in site.rglob("*.*"):
            if path.is_file() and ".cms" not in path.parts:
                self.client.put_object(
                    Bucket=self.name, Key=f"{prefix}/{path.relative_to(site).as_posix()}", Body=path.read_bytes()
                )


@contextmanager
def a_bucket(url: str) -> Iterator[Bucket]:
    """A bucket with one object, which a check has to leave alone."""
    environment = s3_environment(url)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        client = connect()
    name = f"check-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    client.put_object(Bucket=name, Key="of-others", Body=b"not of the site")
    yield Bucket(name, client, environment)


def check(site: Path, *options: str, by: Sequence[str] = (), **settings: str) -> Checked:
    """Run the check, which tells no secret; `by` is a program that starts it."""
    done = cms(site, "check", "--storage", "--json", *options, by=by, **settings)
    assert SECRET not in done.stdout + done.stderr
    assert done.stderr == ""
    return Checked(done.returncode, json.loads(done.stdout))


def prepare(settings: dict[str, str]) -> None:
    """Have the service's database know the site, as after its first start."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        close(make_context(load()))
