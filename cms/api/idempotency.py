"""Requests with an Idempotency-Key are answered once; the same request again gets the same answer."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable

from flask import Response, request

from cms.actions import answers
from cms.actions.answers import Claim
from cms.actions.develop import Upload
from cms.api import auth
from cms.api.parsing import context
from cms.errors import Malformed

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT = ("Content-Type", "ETag", "Location", "Preference-Applied")


def once(
    asked: Callable[[], list[str]], answer: Callable[[Claim | None], Response], kept_s: float = answers.KEPT_S
) -> Response:
    """The answer that was given to this request in the last `kept_s` seconds, else a new one; `asked` says what, beside
    method and URL, tells two requests apart. `answer` is told what it may find begun, if the request can be known."""
    key, token_id = request.headers.get("Idempotency-Key"), auth.actor().token_id
    if key is None or token_id is None:
        return answer(None)
    if not _KEY.fullmatch(key):
        raise Malformed("An Idempotency-Key is 1 to 200 visible characters.", code="idempotency_key")
    told = "\n".join([request.method, request.full_path, *asked()])
    claim = answers.claim(context(), token_id, key, hashlib.sha256(told.encode()).hexdigest(), kept_s)
    if claim.row is not None:
        return Response(claim.row.body, claim.row.status, headers=json.loads(claim.row.headers))
    try:
        response = answer(claim)
    except BaseException:
        claim.release()
        raise
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    claim.keep(response.status_code, json.dumps(headers), response.get_data(as_text=True))
    return response


def file_digest(file: Upload) -> str:
    """Of a file that was sent, and its name."""
    with file.path.open("rb") as stream:
        return f"{file.name}={hashlib.file_digest(stream, 'sha256').hexdigest()}"


def body_digest() -> list[str]:
    """Of the request's body, where it is small."""
    return [hashlib.sha256(request.get_data()).hexdigest()]
