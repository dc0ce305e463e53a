"""Whatever is secret is compared in a time that does not tell how much of it was right."""

from __future__ import annotations

import ast
import hmac
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cms.context import Context
from tests.conftest import ROOT, bearer
from tests.forge import SECRET, desk

SECRET_NAMES = re.compile(r"secret|signature|signed|digest|password", re.IGNORECASE)
BY_EQUALITY = {
    ("actions/webhooks.py", "kept['secret'] != old.secret"),  # by whoever may set it, of what they send themselves
    ("database/previews.py", "previews.c.digest == digest"),  # of SHA-256: how much of it is right tells nothing
    ("database/changes.py", "now.c.digest == ''"),  # of an article
    ("actions/restore.py", "version_of(file) != digest"),  # of files in an archive, from here on
    ("actions/restore.py", "place.store.version(key) != digest"),
    ("actions/archive.py", "_table_file(table) in self.digests"),
    ("actions/backup.py", "writer.digests.get(file.name) != file.digest"),
    ("actions/backup_files.py", "name in digests"),
    ("actions/backup_files.py", "digest == file.digest"),
    ("actions/verify.py", "again == (row.lean, again.heavy, row.lengths, row.digest)"),  # of an article
}


def compared() -> set[tuple[str, str]]:
    """Each comparison in the code whose words are those of secrets, but for `is None`, `<` and keys of a dict."""
    found = set()
    for path in (ROOT / "cms").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn):
                text = ast.unparse(node)
                is_key = isinstance(node.ops[0], ast.In | ast.NotIn) and isinstance(node.left, ast.Constant)
                if SECRET_NAMES.search(text) and not is_key:
                    found.add((path.relative_to(ROOT / "cms").as_posix(), text))
    return found


def test_no_secret_is_compared_by_equality() -> None:
    assert compared() == BY_EQUALITY


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The lengths of what is compared in constant time, as it is compared."""
    lengths: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def watch(one: bytes, other: bytes) -> bool:
        lengths.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", watch)
    return lengths


def test_tokens_are_compared_by_digest_in_constant_time(
    client: FlaskClient, ctx: Context, watched: list[tuple[int, int]]
) -> None:
    """AC-26; `python -m tests.bench.secret_timing` measures it."""
    right = bearer(ctx, "admin")["Authorization"]
    secret = right[-43:]
    assert client.get("/api/v1/whoami", headers={"Authorization": right}).status_code == 200
    for wrong in ("x" * 43, "x" + secret[1:], secret[:-1] + ("x" if secret[-1] != "x" else "y")):
        headers = {"Authorization": right.removesuffix(secret) + wrong}
        assert client.get("/api/v1/whoami", headers=headers).status_code == 401
    assert watched == [(64, 64)] * 4


def test_signatures_of_a_forge_are_compared_in_constant_time(tmp_path: Path, watched: list[tuple[int, int]]) -> None:
    """AC-26."""
    with desk(tmp_path) as at:
        for header in ("X-Hub-Signature-256", "X-Gitea-Signature", "X-Gitlab-Token"):
            before = len(watched)
            assert at.client.post("/hooks/git", data=b"{}", headers={header: SECRET[:-1] + "x"}).status_code == 401
            assert len(watched) == before + 1
