"""Requests made from the API's own description, well and badly: no answer is a failure of ours, each is as described.

`CMS_TEST_REQUESTS=2000` makes so many for each operation, always others, and prints how many were answered how.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from werkzeug.test import run_wsgi_app

from cms.context import Context
from cms.model.limits import Limits
from tests.conftest import bearer, close, copy_site, make_client, make_context, make_settings
from tests.counted import Told
from tests.described import SPEC

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

pytestmark = pytest.mark.xdist_group("schemathesis")  # one process has the site

REQUESTS = int(os.environ.get("CMS_TEST_REQUESTS", "0"))
CHECKS = [status_code_conformance, content_type_conformance, response_schema_conformance]
OPERATIONS = [(method, path) for path in SPEC["paths"] for method in SPEC["paths"][path] if method != "parameters"]
NAMES = {
    "collection": "news",
    "article_id": "en/opening-day",
    "path": "news/river-bus/photo-1.jpg",
}
"""What is there; the paths that chance makes lead nowhere."""
NOT_SET_UP = 501
TAGGED = ("put", "patch", "delete", "post")


class Site(NamedTuple):
    ctx: Context
    schema: Any

    def operation(self, method: str, path: str) -> Any:
        return self.schema[path][method.upper()]

    def tag(self, url: str) -> str:
        """That of what is there."""
        return make_client(self.ctx).get(url, headers=bearer(self.ctx, "admin")).headers.get("ETag", '"none"')


def _ending(app: WSGIApplication) -> WSGIApplication:
    """Ends each answer, as a server does; schemathesis leaves them open."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        body, status, headers = run_wsgi_app(app, environ, buffered=True)
        start(status, list(headers))
        return body

    return answer


@pytest.fixture(scope="module")
def site(light_sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("schemathesis")
    root = copy_site(light_sample, folder / "content")
    limits = Limits(writes_per_second=10**6, auth_failures_per_minute=10**6)
    ctx = make_context(make_settings(root, f"sqlite:///{folder}/cms.db", limits=limits))
    app = make_client(ctx).application
    made = Site(ctx, schemathesis.openapi.from_wsgi("/api/v1/openapi.json", _ending(app)))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", _unknown)  # webhooks of chance names
        yield made
    close(ctx)


def _unknown(*_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "no name is known here")


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part)
def test_every_answer_is_as_described(site: Site, method: str, path: str, counted: Told) -> None:
    """AC-09, AC-32, IB-41: whatever a client sends in whatever place."""
    operation = site.operation(method, path)
    answers: Counter[str] = Counter()
    named = {name: NAMES[name] for name in NAMES if f"{{{name}}}" in path}
    modes = schemathesis.GenerationMode
    cases = st.one_of(
        operation.as_strategy(modes.POSITIVE, path_parameters=named),
        operation.as_strategy(modes.NEGATIVE),
        operation.as_strategy(modes.NEGATIVE, path_parameters=named),
    )

    @given(case=cases, is_tagged=st.booleans())
    def ask(case: Any, is_tagged: bool) -> None:
        headers = {**bearer(site.ctx, "admin"), "Accept-Encoding": "identity"}
        if is_tagged and method in TAGGED:
            headers["If-Match"] = site.tag(quote(case.formatted_path))
        answer = case.call(headers=headers)
        answers[str(answer.status_code)] += 1
        assert answer.status_code < 500 or answer.status_code == NOT_SET_UP, answer.text
        case.validate_response(answer, checks=CHECKS)

    settings(
        max_examples=REQUESTS or 5,
        derandomize=not REQUESTS,
        database=None,
        deadline=None,
        phases=[Phase.generate] if not REQUESTS else [Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )(ask)()
    if REQUESTS:
        counted({"requests": answers.total(), **dict(sorted(answers.items()))})
