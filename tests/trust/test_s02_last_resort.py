"""S2: what no other layer answers is a problem, a line in the log, and a count."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import pytest
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from cms.api.access_log import AccessLog
from cms.api.last_resort import LastResort
from cms.api.traffic import Answer, Told, Traffic
from tests.api.editing import ARTICLES

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Panic(BaseException):
    """As a library in Rust raises it: no `Exception`."""


def _asked(app: LastResort, builder: EnvironBuilder) -> tuple[str, dict[str, str], bytes]:
    """Ask as a server does that has sent nothing yet when the application fails; return status, headers and body."""
    begun: list[tuple[str, dict[str, str]]] = []

    def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> Callable[[bytes], object]:
        begun.append((status, dict(headers)))
        return lambda _: None

    body = b"".join(app(builder.get_environ(), start))
    status, headers = begun[-1]
    return status, headers, body


@pytest.mark.parametrize("error", [ValueError, RecursionError, MemoryError, OSError, Panic, StopIteration])
def test_an_exception_of_the_application_is_a_problem(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    lines: list[bytes] = []
    told = Told(AccessLog(lines.append), Traffic())

    def fails(_environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "5")])
        raise error("secret detail")

    app = LastResort(fails, told)
    status, headers, body = _asked(app, EnvironBuilder(path="/x", headers=[("X-Request-Id", "mine")]))
    assert (status[:3], headers["Content-Type"]) == ("500", "application/problem+json")
    found = json.loads(body)
    assert (found["code"], found["request_id"], headers["X-Request-Id"]) == ("internal", "mine", "mine")
    assert b"secret" not in body
    assert _asked(app, EnvironBuilder(path="/x", method="HEAD"))[2] == b""
    told.log.flush()
    first, second = (json.loads(line) for line in b"".join(lines).splitlines())
    assert (first["status"], first["request_id"], second["method"]) == (500, "mine", "HEAD")
    expected: dict[Answer, int] = {("GET", "none", 500): 1, ("HEAD", "none", 500): 1}
    assert told.traffic.made == expected
    assert [record.exc_info is not None for record in caplog.records] == [True, True]
    assert [vars(record)["request_id"] for record in caplog.records] == ["mine", second["request_id"]]


@pytest.mark.parametrize("error", [ValueError, Panic])
def test_a_stream_that_breaks_off_is_logged_and_closed(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[bool] = []

    class Stream:
        def __iter__(self) -> Iterator[bytes]:
            yield b"begun"
            raise error("half-way")

        def close(self) -> None:
            closed.append(True)

    def begins(_environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [])
        return Stream()

    app = LastResort(begins, Told(AccessLog(lambda _: None), Traffic()))
    with pytest.raises(error, match="half-way"):
        run_wsgi_app(app, EnvironBuilder().get_environ(), buffered=True)
    assert closed == [True]
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_server_may_leave_out_an_empty_query(client: FlaskClient) -> None:
    """PEP 3333 allows it; the layers in front of Flask read QUERY_STRING, too."""
    environ = EnvironBuilder(path=ARTICLES).get_environ()
    del environ["QUERY_STRING"]
    _, status, _ = run_wsgi_app(client.application, environ, buffered=True)
    assert status == "200 OK"


@pytest.mark.parametrize("op", ["lt", "gt", "lte", "gte", "in", "eq", "ne"])
@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_filter_by_a_date_that_utc_does_not_have_is_before_or_after_all(
    client: FlaskClient, op: str, moment: str
) -> None:
    """JavaScript has moments of the years 0 and 10000; articles lie between them."""
    query = {"collection": "news", f"filter[date][{op}]": moment}
    found = client.get(ARTICLES, query_string=query)
    assert found.status_code == 200, found.text
    everything = client.get(ARTICLES, query_string={"collection": "news"}).get_json()["items"]
    is_all = op == "ne" or op in (("lt", "lte") if moment.startswith("9999") else ("gt", "gte"))
    assert found.get_json()["items"] == (everything if is_all else [])
