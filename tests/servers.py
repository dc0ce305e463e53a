"""The makes of S3 server that tests run on, as parameters: names of the fixtures that start them."""

from __future__ import annotations

import pytest

# One process starts the server, and has all that is asked of it.
CEPH = pytest.param("ceph_url", marks=pytest.mark.xdist_group("ceph"))
SWIFT = pytest.param("swift_url", marks=pytest.mark.xdist_group("swift"))
SEAWEEDFS = pytest.param("seaweedfs_url", marks=pytest.mark.xdist_group("seaweedfs"))
S3_SERVERS = ["s3_url", CEPH, SWIFT, SEAWEEDFS]
