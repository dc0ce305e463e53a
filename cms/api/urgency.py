"""`Prefer: urgent` with a change of the content: webhooks are told at once, without waiting for quiet."""

from __future__ import annotations

import logging

from flask import Response, request

from cms.actions import deliver
from cms.api.conditional import preferences
from cms.api.parsing import context
from cms.errors import CmsError

log = logging.getLogger("cms.api")

_CONTENT = ("articles", "history", "images", "uploads", "trash", "drafts")
"""The blueprints whose requests change what is published."""


def urge(response: Response) -> Response:
    """After each request. The change is made by now: that it is urgent could not be said must not make it fail."""
    is_change = request.method not in ("GET", "HEAD", "OPTIONS") and request.blueprint in _CONTENT
    if not is_change or "urgent" not in preferences() or not 200 <= response.status_code < 300:
        return response
    is_unpublished = request.blueprint == "drafts" and request.method == "DELETE"
    if is_unpublished or any(request.args.get(name, "false") != "false" for name in ("dry_run", "draft")):
        return response
    try:
        deliver.urge(context())
    except CmsError as error:
        log.warning("%s: %s", error.code, error.detail)
        return response
    response.headers.add("Preference-Applied", "urgent")
    return response
