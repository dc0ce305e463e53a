"""Signs what webhooks are sent, as Standard Webhooks 1.0 has it: HMAC-SHA256 over `id.timestamp.body`, in base64.

Each active secret gives a signature of its own, the newest first, so that a receiver may change from one to the next.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"


def write_secret(key: bytes) -> str:
    """The key as receivers are given it."""
    return PREFIX + base64.b64encode(key).decode()


def is_secret(text: str) -> bool:
    """Whether it is `whsec_` and 24 to 64 bytes in base64."""
    return text.startswith(PREFIX) and 24 <= len(_key(text)) <= 64


def sign(secrets: Iterable[str], message_id: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers by which the receiver knows that the message is ours; `timestamp` in seconds since the epoch."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = (base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode() for secret in secrets)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return b""
