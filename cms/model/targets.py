"""What each kind of target is sent: the request that makes it build, and what must never be shown of it.

"generic" is signed JSON (Standard Webhooks). The others are presets: where they take a token, it is the `secret`; where
they take none, knowing the URL is all it needs, and so the URL's last part is kept to ourselves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from cms.errors import Problem
from cms.model.signature import is_secret, sign

CHANGED: Final = "content.changed"
NOT_LIVE: Final = "content.not_live"
TEST: Final = "webhook.test"
EVENTS: Final = (CHANGED, NOT_LIVE)
"""What a webhook may be told of, without being asked to."""

HIDDEN = "…"
_TOKEN = re.compile(r"[\x21-\x7e]{1,500}")
_REF = re.compile(r"[^\x00-\x20\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class Message:
    """`id` is the same whenever the same is told again; `body` has at least `type`."""

    id: str
    body: Mapping[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["type"])


@dataclass(frozen=True, slots=True)
class Addressee:
    """Who is told; `secrets` are those that are active, the newest first, `ref` the branch that a pipeline runs on."""

    url: str
    target: str
    secrets: tuple[str, ...]
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A POST, ready to be sent."""

    headers: Mapping[str, str]
    body: bytes


def request(to: Addressee, message: Message, timestamp: int) -> Request:
    """What to send; `timestamp` in seconds since the epoch."""
    made = _REQUESTS[to.target](to, message, timestamp)
    return Request({"User-Agent": "markdown-cms", **made.headers}, made.body)


def problems(target: str, secret: str | None, ref: str | None, events: tuple[str, ...]) -> list[Problem]:
    """Why a webhook cannot be like this; a generic one without a secret is given one."""
    found: list[Problem] = []
    if target == "generic" and secret is not None and not is_secret(secret):
        detail = "write whsec_ and 24 to 64 random bytes in base64, or leave it out"
        found.append(Problem("/secret", detail, "secret"))
    if target in WITH_TOKEN and (secret is None or not _TOKEN.fullmatch(secret)):
        found.append(Problem("/secret", f"give the token that {target} asks for", "secret"))
    if target in WITH_URL_ALONE and secret is not None:
        found.append(Problem("/secret", f"{target} takes none; leave it out", "secret"))
    if ref is not None and (target != "gitlab" or not _REF.fullmatch(ref)):
        found.append(Problem("/ref", "is the branch or tag of a gitlab pipeline; leave it out elsewhere", "ref"))
    if target != "generic" and events != (CHANGED,):
        found.append(Problem("/events", f"would make {target} build; only {CHANGED} is for that", "events"))
    return found


def shown_url(to: Addressee) -> str:
    """The URL as those may see it who look after webhooks."""
    if to.target not in WITH_URL_ALONE:
        return to.url
    parts = urlsplit(to.url)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rpartition('/')[0]}/{HIDDEN}"


def redact(to: Addressee, text: str) -> str:
    """The text without the secrets, should the other side have sent them back."""
    parts = urlsplit(to.url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    in_url = (path, parts.path.rpartition("/")[2], parts.query) if to.target in WITH_URL_ALONE else ()
    for secret in sorted({*to.secrets, *in_url} - {""}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _generic(to: Addressee, message: Message, timestamp: int) -> Request:
    body = _json(message.body)
    return Request({"Content-Type": "application/json", **sign(to.secrets, message.id, body, timestamp)}, body)


def _json_alone(_to: Addressee, message: Message, _timestamp: int) -> Request:
    return Request({"Content-Type": "application/json"}, _json(message.body))


def _nothing(_to: Addressee, _message: Message, _timestamp: int) -> Request:
    return Request({}, b"")


def _github(to: Addressee, message: Message, _timestamp: int) -> Request:
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {to.secrets[0]}",
        "Content-Type": "application/json",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    payload = {name: value for name, value in message.body.items() if name != "type"}
    return Request(headers, _json({"event_type": message.type, "client_payload": payload}))


def _gitlab(to: Addressee, message: Message, _timestamp: int) -> Request:
    # All but the token is in the pipeline's TRIGGER_PAYLOAD. Variables would be refused: since GitLab 18 a project
    # takes none unless it is set to.
    told = {name: message.body[name] for name in ("type", "cursor", "previous_cursor", "reason")}
    form = urlencode({"token": to.secrets[0], "ref": to.ref or "main", **told})
    return Request({"Content-Type": "application/x-www-form-urlencoded"}, form.encode())


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


_REQUESTS: Final[dict[str, Callable[[Addressee, Message, int], Request]]] = {
    "generic": _generic,
    "netlify": _json_alone,  # the build has the body as INCOMING_HOOK_BODY
    "vercel": _nothing,
    "cloudflare": _nothing,
    "github": _github,
    "gitlab": _gitlab,
}
TARGETS: Final = tuple(_REQUESTS)
WITH_TOKEN: Final = ("github", "gitlab")
WITH_URL_ALONE: Final = ("netlify", "vercel", "cloudflare")
