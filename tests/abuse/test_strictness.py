"""What a write does not know is refused, never dropped: AC-19, AC-20, AC-34 and IB-17 to IB-19, on every write.

The writes are those of `test_scopes.py`, each of which would be done.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.abuse.operations import Operation
from tests.abuse.test_scopes import WRITES, Headers, Site, methods, site  # noqa: F401
from tests.api.editing import problem
from tests.conftest import reconcile, state_of

pytestmark = pytest.mark.xdist_group("abuse")

NO_JSON = [
    b"", b"{", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b'{"a": "\xff"}', b'{"a": 1,}', b'{"a": 1, "a": 2}', b'{"a": NaN}',
    b'{"a": -Infinity}', b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 20_000, b"{} {}",
    b"'a'", b"{'a': 1}", b'{"a": 0x10}', b'{"a": 01}', b"\0", b'{"a": "\x01"}', b"{}//",
]  # fmt: skip
NO_OBJECT = [b"null", b"true", b"5", b'"text"', b"[[]]", b'[{"a": 1}]']
OTHER_TYPES = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/xml",
    "text/json",
    "",
    "application/jsonp",
]
OF_THE_SERVICE = ["etag", "created_at", "updated_at", "owner", "path", "version", "status", "__proto__", "constructor"]

ASKED = [name for name in WRITES if name not in ("upload_images", "redeliver") and not name.endswith(" draft")]


@pytest.mark.parametrize("name", ASKED)
def test_what_is_not_known_is_refused_and_nothing_is_changed(
    site: Site,  # noqa: F811
    methods: dict[str, Operation],  # noqa: F811
    name: str,
) -> None:
    method, own = methods[name.split(maxsplit=1)[0]].method, f"strict-{'x' * ASKED.index(name)}"
    url, sent = WRITES[name][1](site, own)
    headers = {**sent.pop("headers", {}), **site.admin}
    reconcile(site.ctx)
    before = state_of(site.ctx)
    for query in ("zq=1", "access_token=x", "dry_run=maybe", "_method=DELETE"):
        answer = site.client.open(f"{url}{'&' if '?' in url else '?'}{query}", method=method, headers=headers, **sent)
        assert problem(answer, 422)["errors"][0]["in"] == "query", (query, answer.text)
    if "json" in sent:
        _refuses_bodies(site, method, url, headers, sent)
    assert state_of(site.ctx) == before


def _refuses_bodies(site: Site, method: str, url: str, headers: Headers, sent: dict[str, Any]) -> None:  # noqa: F811
    """IB-17, IB-18; IB-19 is the last of them: a list of thousands."""
    own_type = sent.get("content_type", "application/json")

    def ask(body: bytes, kind: str = own_type) -> Any:
        answer = site.client.open(url, method=method, headers=headers, data=body, content_type=kind or None)
        assert len(answer.data) < 100_000
        return answer

    right = sent["json"]
    for kind in OTHER_TYPES:
        problem(ask(json.dumps(right).encode(), kind), 415)
    for body in NO_JSON:
        problem(ask(body), 400)
    for body in NO_OBJECT:
        problem(ask(body), 422)
    for field in OF_THE_SERVICE:
        assert problem(ask(json.dumps({**right, field: "x"}).encode()), 422)["errors"], field
    for field, value in right.items():
        wrong: list[object] = [1] * 10_000 if isinstance(value, list) else [[]]
        problem(ask(json.dumps({**right, field: wrong}).encode()), 422)
