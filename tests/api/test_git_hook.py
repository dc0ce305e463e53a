"""Calls from a forge: signed right or refused, and one that is sent again has no effect."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cms.database.engine import read
from cms.database.tables import git
from tests.conftest import state_of
from tests.forge import SECRET, Desk, desk

PAGE = "src/pages/index.astro"
BODY = b'{"ref":"refs/heads/main","after":"6113728f27ae82c7b1a177c8d03f9e96e0adf246"}'
VECTOR = "03215f646b460fb2587e895d1f21643869dd3cdbc6de87157e57b24596449a0d"
"""HMAC-SHA256 of `BODY` under `SECRET`, as `openssl dgst -sha256 -hmac` has it."""
HUB, GITEA, GITLAB = "X-Hub-Signature-256", "X-Gitea-Signature", "X-Gitlab-Token"

Headers = list[tuple[str, str]]


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, "push") as made:
        yield made


def call(at: Desk, body: bytes, headers: Headers) -> tuple[int, Any]:
    response = at.client.post("/hooks/git", data=body, headers=headers, content_type="application/json")
    return response.status_code, response.get_json()


def signed(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


FORGES: dict[str, Callable[[bytes, str], Headers]] = {
    "GitHub": lambda body, secret: [(HUB, f"sha256={signed(body, secret)}")],
    "GitLab": lambda _body, secret: [(GITLAB, secret)],
    "Gitea": lambda body, secret: [(GITEA, signed(body, secret)), (HUB, f"sha256={signed(body, secret)}")],
}


def pull_asked(at: Desk) -> float | None:
    with read(at.ctx.database) as tx:
        found: float | None = tx.execute(select(git.c.pull_asked)).scalar_one()
    return found


@pytest.mark.parametrize("forge", FORGES)
def test_a_forge_tells_of_a_push_once(at: Desk, forge: str) -> None:
    at.keep()
    at.developer.push({PAGE: "one"})
    assert call(at, BODY, FORGES[forge](BODY, "another secret, not ours"))[0] == 401
    at.keep()
    assert not (at.site.folder / PAGE).exists()
    assert call(at, BODY, FORGES[forge](BODY, SECRET)) == (202, {"duplicate": False})
    at.keep()
    assert at.site.read(PAGE) == "one"
    at.developer.push({PAGE: "two"})
    assert call(at, BODY, FORGES[forge](BODY, SECRET)) == (200, {"duplicate": True})
    at.keep()
    assert at.site.read(PAGE) == "one"
    other = BODY.replace(b"6113", b"6114")
    assert call(at, other, FORGES[forge](other, SECRET)) == (202, {"duplicate": False})
    at.keep()
    assert at.site.read(PAGE) == "two"


AGAIN: list[Headers] = [
    [],
    [("Date", "Mon, 01 Jan 2001 00:00:00 GMT")],
    [("Date", "Fri, 01 Jan 2100 00:00:00 GMT")],
    [("X-GitHub-Delivery", "8f0c1a52-0000-4000-8000-000000000000")],
    [("webhook-id", "msg_other"), ("webhook-timestamp", "4102444800")],
    [("Idempotency-Key", "another")],
    [("X-GitHub-Event", "ping"), ("Content-Type", "text/plain")],
]
"""No forge signs an id or a time: what whoever sends a call again puts into its headers makes it no other call."""


def test_a_call_sent_again_is_known_by_its_body_whatever_its_headers_say(at: Desk) -> None:
    """AC-25."""
    at.keep()
    right = (HUB, f"sha256={VECTOR}")
    assert call(at, BODY, [right, ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")])[0] == 202
    assert pull_asked(at) is not None
    at.keep()
    before = state_of(at.ctx)
    for more in AGAIN:
        assert call(at, BODY, [right, *more]) == (200, {"duplicate": True}), more
    # It is the same call by whichever forge's signature, too.
    assert call(at, BODY, [(GITEA, VECTOR)]) == (200, {"duplicate": True})
    assert state_of(at.ctx) == before
    assert pull_asked(at) is None


WRONG: list[Headers] = [
    [],
    [(HUB, "")],
    [(HUB, VECTOR)],
    [(HUB, f"sha256={VECTOR[:-1]}e")],
    [(HUB, f"sha256={VECTOR}, sha256={VECTOR}")],
    [(HUB, f"sha256={VECTOR}"), (HUB, f"sha256={VECTOR}")],
    [(HUB, f"sha256={VECTOR}"), (HUB, f"sha256={'0' * 64}")],
    [(HUB, f"sha256={'0' * 64}"), (HUB, f"sha256={VECTOR}")],
    [(HUB, f"sha256={VECTOR}"), (GITEA, "0" * 64)],
    [(HUB, f"SHA256={VECTOR}")],
    [(HUB, f"sha256={VECTOR.upper()}")],
    [(HUB, f"sha256={signed(BODY + b' ')}")],
    [("X-Hub-Signature", f"sha1={hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest()}")],
    [(GITLAB, SECRET + "x")],
    [(GITLAB, SECRET[:-1])],
    [(GITLAB, "ភាសា".encode().decode("latin-1"))],
]


def test_a_call_that_is_not_signed_right_changes_nothing(at: Desk) -> None:
    """AC-25."""
    before = state_of(at.ctx)
    for headers in WRONG:
        status, answer = call(at, BODY, headers)
        assert (status, answer["code"]) == (401, "not_authenticated"), headers
        assert SECRET not in str(answer)
        assert VECTOR not in str(answer)
    changed = [BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :] for place in (0, 40, len(BODY) - 1)]
    for body in [*changed, BODY[:-1], BODY + b"\n", b""]:
        assert call(at, body, [(HUB, f"sha256={VECTOR}")])[0] == 401, body
    assert call(at, b"x" * (3 << 20), [(HUB, f"sha256={VECTOR}")])[0] == 413
    assert state_of(at.ctx) == before
