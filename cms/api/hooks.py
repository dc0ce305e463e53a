"""The route that a forge calls when developers have pushed.

What the call says is not believed, nor read: it only makes us look. So it may come twice, late, or not at all.
"""

from __future__ import annotations

import hashlib
import hmac

from flask import Response, request

from cms.actions import answers
from cms.api import rates
from cms.api.conditional import reply
from cms.api.parsing import Blueprint, context
from cms.api.schemas import git as schemas
from cms.database import git
from cms.database.engine import write
from cms.errors import NotAuthenticated, NotOffered

blp = Blueprint("hooks", __name__, description="Calls from a forge")

_CALLER = "hooks/git"


@blp.route("/hooks/git", methods=["POST"])
@blp.response(202, schemas.HookAnswer)
@blp.alt_response(200, schema=schemas.HookAnswer, description="This was told before")
def git_pushed() -> Response:
    """Tell that developers have pushed (GitHub, GitLab, Gitea); their commits are pulled shortly."""
    settings = context().settings
    if context().repository is None or settings.git_hook_secret is None:
        raise NotOffered("This site takes no calls from a forge; set CMS_GIT and CMS_GIT_HOOK_SECRET.")
    body = request.get_data(parse_form_data=False)
    try:
        _check(settings.git_hook_secret.encode(), body)
    except NotAuthenticated:
        rates.count_failure()
        raise
    digest = hashlib.sha256(body).hexdigest()
    # A signature covers the body alone: told apart by anything else, a call could be sent again as a new one.
    claim = answers.claim(context(), _CALLER, digest, digest)
    if claim.row is not None:
        return reply({"duplicate": True})
    try:
        with write(context().database) as tx:
            git.ask_for_pull(tx)
    except BaseException:
        claim.release()
        raise
    claim.keep(202, "{}", "")
    return reply({"duplicate": False}, 202)


def _check(secret: bytes, body: bytes) -> None:
    """Every signature that is there has to be right, and one has to be there."""
    signed = hmac.new(secret, body, hashlib.sha256).hexdigest()
    right = {
        "X-Hub-Signature-256": f"sha256={signed}".encode(),
        "X-Gitea-Signature": signed.encode(),
        "X-Gitlab-Token": secret,
    }
    given = [
        (value.encode("latin-1", "replace"), right[name]) for name in right for value in request.headers.getlist(name)
    ]
    if not given or not all(hmac.compare_digest(value, wanted) for value, wanted in given):
        raise NotAuthenticated("The signature is missing or not right; is the secret the same on both sides?")
