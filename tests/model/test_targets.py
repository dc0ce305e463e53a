"""Each target is sent the request that makes it build, and its secrets are never shown."""

from __future__ import annotations

import json
from urllib.parse import parse_qs

import pytest

from cms.model.address import is_public
from cms.model.targets import CHANGED, Addressee, Message, Request, redact, request, shown_url

BODY = {
    "type": CHANGED, "cursor": "ab", "previous_cursor": "aa", "ids": ["news/en/ក"], "truncated": False,
    "reason": "quiet",
}  # fmt: skip


def asked(target: str, secret: str | None = None, ref: str | None = None) -> Request:
    to = Addressee("https://example.org/x", target, () if secret is None else (secret,), ref)
    return request(to, Message("msg_1", BODY), 1_700_000_000)


def test_netlify_gets_the_message_as_the_hooks_body() -> None:
    found = asked("netlify")
    assert json.loads(found.body) == BODY
    assert "webhook-signature" not in found.headers


@pytest.mark.parametrize("target", ["vercel", "cloudflare"])
def test_vercel_and_cloudflare_get_an_empty_post(target: str) -> None:
    found = asked(target)
    assert (found.body, dict(found.headers)) == (b"", {"User-Agent": "markdown-cms"})


def test_github_gets_a_repository_dispatch() -> None:
    found = asked("github", "ghp_secret")
    assert found.headers["Authorization"] == "Bearer ghp_secret"
    assert found.headers["Accept"] == "application/vnd.github+json"
    assert found.headers["X-GitHub-Api-Version"] == "2022-11-28"
    sent = json.loads(found.body)
    assert sent["event_type"] == CHANGED
    assert sent["client_payload"] == {name: value for name, value in BODY.items() if name != "type"}
    assert len(sent["client_payload"]) <= 10


def test_gitlab_gets_a_form_with_token_and_ref() -> None:
    found = asked("gitlab", "glptt-secret", "release/1")
    assert found.headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = parse_qs(found.body.decode(), strict_parsing=True)
    assert (form["token"], form["ref"], form["cursor"]) == (["glptt-secret"], ["release/1"], ["ab"])
    assert parse_qs(asked("gitlab", "t").body.decode())["ref"] == ["main"]


def test_what_is_secret_is_taken_out_of_answers_and_urls() -> None:
    netlify = Addressee("https://api.netlify.com/build_hooks/5f3a?trigger_branch=main", "netlify", ())
    assert shown_url(netlify) == "https://api.netlify.com/build_hooks/…"
    assert redact(netlify, "POST /build_hooks/5f3a?trigger_branch=main: no hook 5f3a") == "POST …: no hook …"
    github = Addressee("https://api.github.com/repos/o/r/dispatches", "github", ("ghp_secret",))
    assert shown_url(github) == github.url
    assert redact(github, "Bad credentials ghp_secret") == "Bad credentials …"


NOT_PUBLIC = [
    "0.0.0.1", "10.1.2.3", "100.100.100.200", "127.0.0.1", "168.63.129.16", "169.254.169.254", "172.16.0.1",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
    "64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1", "2002:7f00:1::", "2002:5db8:d822::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip


def test_no_address_but_a_public_one_is_public() -> None:
    assert [address for address in NOT_PUBLIC if is_public(address)] == []
    for address in ("93.184.216.34", "::ffff:93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "8.8.8.8"):
        assert is_public(address), address
