"""`cms check --storage` says what a bucket can do, why one cannot be used, and what the public sees of it.

It leaves the bucket as it was.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.components import SECRET, free_port, program, require, settings_environment
from tests.conftest import eventually
from tests.faulty import faulty
from tests.seaweedfs import READER, READER_SECRET
from tests.servers import CEPH, SEAWEEDFS
from tests.storage.checking import Bucket, a_bucket, check, prepare

RIGHT = {
    "folder_place", "folder_replace", "storage_place", "storage_rights", "public_place", "direct_upload",
    "public_photo",
}  # fmt: skip
ON_SEAWEEDFS = pytest.mark.parametrize("bucket", [SEAWEEDFS], indirect=True)
ON_CEPH = pytest.mark.parametrize("bucket", [CEPH], indirect=True)


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Iterator[Bucket]:
    with a_bucket(request.getfixturevalue(request.param)) as made:
        yield made


@pytest.fixture
def in_bucket(bucket: Bucket, light_site: Path, tmp_path: Path) -> dict[str, str]:
    """The settings of a site in the bucket, which the service has seen."""
    bucket.fill(light_site, "site")
    settings = {
        **bucket.environment,
        "CMS_SITE": f"s3://{bucket.name}/site",
        "CMS_DATABASE": f"sqlite:///{tmp_path}/cms.db",
    }
    prepare(settings)
    return settings


@pytest.mark.parametrize(
    ("bucket", "keeps"),
    [
        pytest.param("s3_url", False, id="rclone"),
        pytest.param("ceph_url", True, marks=CEPH.marks, id="ceph"),
        pytest.param("seaweedfs_url", True, marks=SEAWEEDFS.marks, id="seaweedfs"),
    ],
    indirect=["bucket"],
)
def test_a_bucket_that_is_as_it_should_be(bucket: Bucket, light_site: Path, keeps: bool) -> None:
    """Conditions are no fault of the operator, and so no error where the server does not keep them."""
    before = bucket.objects()
    found = check(light_site, CMS_MEDIA=f"s3://{bucket.name}/photos", **bucket.environment)
    assert found.status == 0
    conditions = {"storage_conditions"}
    assert (found.codes("info"), found.codes("warning")) == (
        (RIGHT | conditions, set()) if keeps else (RIGHT, conditions)
    )
    assert ("the lock of the database is the guard" in found.details("storage_conditions")) is not keeps
    assert "photos/src/assets/, photos/variants/, photos/private/uploads/" in found.details("storage_place")
    assert bucket.objects() == before


@ON_SEAWEEDFS
@pytest.mark.parametrize(
    ("settings", "code", "says"),
    [
        (
            {"AWS_ENDPOINT_URL_S3": f"http://editor:{SECRET}@127.0.0.1:{free_port()}"},
            "storage_unreachable",
            "127.0.0.1",
        ),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "storage_credentials", "AWS_SECRET_ACCESS_KEY"),
        ({"CMS_SITE": "s3://no-such-bucket/site"}, "storage_no_bucket", "CMS_SITE"),
    ],
)
def test_what_cannot_be_reached_is_told_with_its_cause(
    bucket: Bucket, in_bucket: dict[str, str], light_site: Path, settings: dict[str, str], code: str, says: str
) -> None:
    """SeaweedFS makes a bucket when something is put into one that is not there; a check puts nothing there."""
    before = bucket.objects()
    found = check(light_site, **{**in_bucket, **settings})
    assert (found.status, found.codes("error"), found.codes("warning")) == (1, {code}, set())
    assert says in found.details(code)
    assert bucket.objects() == before
    assert "no-such-bucket" not in {one["Name"] for one in bucket.client.list_buckets()["Buckets"]}


@ON_SEAWEEDFS
def test_a_clock_that_the_server_does_not_accept_is_told(bucket: Bucket, light_site: Path) -> None:
    require(program("faketime"), "faketime")
    media = {"CMS_MEDIA": f"s3://{bucket.name}/photos", **bucket.environment}
    found = check(light_site, by=("faketime", "-f", "+20m"), **media)
    assert (found.status, found.codes("error")) == (1, {"storage_clock"})
    assert "s ahead of the server's" in found.details("storage_clock")


@ON_SEAWEEDFS
def test_a_key_that_may_only_read_is_told(bucket: Bucket, in_bucket: dict[str, str], light_site: Path) -> None:
    before = bucket.objects()
    reader = {"AWS_ACCESS_KEY_ID": READER, "AWS_SECRET_ACCESS_KEY": READER_SECRET}
    found = check(light_site, **{**in_bucket, **reader})
    assert (found.status, found.codes("error")) == (1, {"storage_write", "storage_delete"})
    assert "s3:PutObject" in found.details("storage_write")
    assert bucket.objects() == before


@ON_SEAWEEDFS
def test_a_bucket_that_is_public_by_policy_is_told(bucket: Bucket, in_bucket: dict[str, str], light_site: Path) -> None:
    _allow(bucket, {"s3:GetObject": "/*", "s3:ListBucket": ""})
    before = bucket.objects()
    found = check(light_site, **in_bucket)
    assert (found.status, found.codes("error")) == (1, {"public_reads", "public_lists"})
    private = ("src/content", ".cms/variants", ".cms/private/uploads", ".cms/private/trash")
    assert found.paths("public_reads") == {f"s3://{bucket.name}/site/{part}/" for part in private}
    assert found.paths("public_reads_hidden") == {"src/assets/news/story-hour/photo-1.jpg"}
    assert bucket.objects() == before


@ON_CEPH
def test_a_bucket_that_anybody_may_write_to_is_told(bucket: Bucket, light_site: Path) -> None:
    bucket.client.put_bucket_acl(Bucket=bucket.name, ACL="public-read-write")
    before = bucket.objects()
    found = check(light_site, CMS_MEDIA=f"s3://{bucket.name}/photos", **bucket.environment)
    assert found.status == 1
    assert found.codes("error") == {"public_lists", "public_writes", "public_deletes"}
    assert bucket.objects() == before


@pytest.mark.parametrize("bucket", [SEAWEEDFS, CEPH], indirect=True)
def test_a_bucket_that_keeps_versions_keeps_none_of_the_check(bucket: Bucket, light_site: Path) -> None:
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    before = bucket.versions()
    found = check(light_site, CMS_MEDIA=f"s3://{bucket.name}/photos", **bucket.environment)
    assert (found.status, found.codes("error")) == (0, set())
    assert "storage_versions" in found.codes("info")
    assert bucket.versions() == before


@ON_CEPH
def test_photos_that_the_public_gets_and_pages_that_may_send_some(bucket: Bucket, light_site: Path) -> None:
    _allow(bucket, {"s3:GetObject": "/photos/src/assets/*"})
    bucket.client.put_bucket_cors(
        Bucket=bucket.name,
        CORSConfiguration={
            "CORSRules": [
                {
                    "AllowedOrigins": ["https://desk.example"],
                    "AllowedMethods": ["PUT"],
                    "AllowedHeaders": ["content-type"],
                }
            ]
        },
    )
    bucket.fill(light_site / "src", "photos/src")
    before = bucket.objects()
    settings = {"CMS_MEDIA": f"s3://{bucket.name}/photos", **bucket.environment}
    shown = {**settings, "CMS_MEDIA_URL": f"{bucket.url}/photos"}
    prepare({"CMS_SITE": str(light_site), **shown})
    found = check(light_site, "--origin", "https://Desk.example/photos/", **shown)
    assert (found.status, found.codes("error")) == (0, set())
    assert "byte for byte" in found.details("public_photo")
    assert "desk.example" in found.details("direct_upload")
    bucket.client.delete_bucket_policy(Bucket=bucket.name)
    found = check(light_site, "--origin", "https://evil.example", **shown)
    assert (found.status, found.codes("error")) == (1, {"direct_upload_cors", "public_photo"})
    assert bucket.objects() == before


@pytest.mark.usefixtures("can_interrupt")
@pytest.mark.parametrize("bucket", ["s3_url"], indirect=True)
@pytest.mark.parametrize(("sent", "left"), [(signal.SIGKILL, 1), (signal.SIGINT, 0)])
def test_a_check_that_is_ended_leaves_nothing_that_the_next_does_not_remove(
    bucket: Bucket, light_site: Path, sent: signal.Signals, left: int
) -> None:
    before = bucket.objects()
    settings = {**bucket.environment, "CMS_MEDIA": f"s3://{bucket.name}/photos"}
    with faulty(bucket.environment["AWS_ENDPOINT_URL_S3"]) as proxy:
        # What is read by key is the check's own object, which is there by then.
        proxy.fault, proxy.left, proxy.late = "late", 1, (f"GET /{bucket.name}/".encode(),)
        command = [str(program("cms")), "check", "--storage"]
        environment = settings_environment(light_site, **{**settings, "AWS_ENDPOINT_URL_S3": proxy.url})
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert eventually(lambda: proxy.met)
            process.send_signal(sent)
            process.communicate(timeout=60)
        assert process.returncode == (1 if left == 0 else -sent)
        assert len(bucket.objects()) == len(before) + left
        proxy.released.set()
    if left:
        found = check(light_site, **settings)
        assert found.status == 0
        assert "1 objects of an earlier check" in found.details("storage_cleared")
    assert bucket.objects() == before


def _allow(bucket: Bucket, actions: dict[str, str]) -> None:
    """Let anybody do this with what the bucket's name and an ending name."""
    statements = [
        {"Effect": "Allow", "Principal": "*", "Action": [action], "Resource": [f"arn:aws:s3:::{bucket.name}{ending}"]}
        for action, ending in actions.items()
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    bucket.client.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(policy))
