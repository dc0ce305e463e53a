"""The tiers of the test suite: `pytest` alone runs the default tier, CMS_TEST_ALL=1 runs everything.

A test belongs to the full tier by its folder, by what its module imports to start servers, or by its fixtures and their
parameters. The one collection hook of the suite is here. What is named on the command line more narrowly than
`tests` is run whatever its tier.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.components import NEEDED

TESTS = Path(__file__).parent
DATABASE = os.environ.get("CMS_TEST_DATABASE", "sqlite")

FOLDERS = {"abuse", "bench", "faults"}
SERVERS = {"chromium_page", "cms_server", "cms_server_at", "nodes_of", "s3_server"}
S3 = {"s3", "s3_url", "ceph_url", "swift_url", "seaweedfs_url"}
FIXTURES = {"nodejs", "package", "postgres", "postgres_server", *S3, "still_cms"}

# What the tests of a folder are about is in their default tier.
OWN = {"database": {"postgres", "postgres_server"}, "store": {"s3_server", "s3_url"}}

# The one smoke test of a running server, and one kill in each way to write.
DEFAULT = {
    "test_readme.py": "",
    "faults/test_points.py": "test_whoever_dies_at_any_point_leaves_the_old_or_the_new",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is not of the tier that is run, and for another database what does not need one."""
    chosen = items
    if not NEEDED and not _is_narrower(config):
        chosen = [item for item in chosen if _is_default(item)]
    if DATABASE != "sqlite":
        chosen = [item for item in chosen if _is_for_any_database(item)]
    left = set(items) - set(chosen)
    if left:
        config.hook.pytest_deselected(items=[item for item in items if item in left])
        if hasattr(config, "workeroutput"):
            config.workeroutput["deselected"] = len(left)
    items[:] = chosen


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Have the count shown at the end of a run on several workers, too: pytest-xdist leaves it with them."""
    count = getattr(node, "workeroutput", {}).get("deselected", 0)
    node.config.pluginmanager.get_plugin("terminalreporter").stats["deselected"] = [node] * count


def _is_narrower(config: pytest.Config) -> bool:
    """Return whether the command line names a part of the suite."""
    named = {(config.invocation_params.dir / argument.partition("::")[0]).resolve() for argument in config.args}
    return not named <= {TESTS, TESTS.parent}


def _is_default(item: pytest.Item) -> bool:
    path = item.path.relative_to(TESTS)
    kept = DEFAULT.get(path.as_posix())
    if kept is not None and item.name.startswith(kept):
        return True
    folder = path.parts[0]
    return folder not in FOLDERS and not _needs(item) - OWN.get(folder, set())


def _needs(item: pytest.Item) -> set[str]:
    """Return what the test has of all that makes it one of the full tier."""
    if not isinstance(item, pytest.Function):
        return set()
    callspec = getattr(item, "callspec", None)
    values = set() if callspec is None else {value for value in callspec.params.values() if isinstance(value, str)}
    return (SERVERS & set(vars(item.module))) | (FIXTURES & (values | set(item.fixturenames)))


def _is_for_any_database(item: pytest.Item) -> bool:
    """Return whether the test runs on the database of the run, and on no other anyway."""
    if not isinstance(item, pytest.Function) or "database_url" not in item.fixturenames:
        return False
    callspec = getattr(item, "callspec", None)
    return callspec is None or "database_url" not in callspec.params
