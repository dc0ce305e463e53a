"""Route of the numbers that a monitor watches, in the text format of Prometheus.

They are read from the database when they are asked for, so that each of several processes says the same; but for what
each has answered itself.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from itertools import accumulate

from flask import Response, current_app
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from cms.actions import heartbeat
from cms.api import auth, service, traffic
from cms.api.parsing import Blueprint, context, unchecked
from cms.api.traffic import BOUNDS_S, Traffic
from cms.database import builds, changes, clock, collections, conflicts, shelves, webhooks
from cms.database.engine import read
from cms.model.targets import CHANGED
from cms.model.visibility import STATUSES

blp = Blueprint("metrics", __name__, description="The service itself")


@blp.route("/metrics")
@blp.response(200, {"type": "string"}, content_type="text/plain")
def get_metrics() -> Response:
    """Get what a monitor watches, in the text format of Prometheus; needs the scope metrics."""
    auth.actor().require("metrics")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FromDatabase())
    registry.register(_OfProcess())
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _FromDatabase(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _of_worker()
        with read(unchecked().database) as tx:
            yield from _of_service(tx)
            yield from _of_content(tx)
            yield from _of_webhooks(tx)
            yield from _of_builds(tx)


class _OfProcess(Collector):
    """Each series names the process, since each counts alone."""

    def collect(self) -> Iterator[Metric]:
        counted: Traffic = current_app.extensions[traffic.NAME]
        process = str(os.getpid())
        labels = ["process", "method", "route"]
        answered = Counter[tuple[str, ...]]()
        for source, answers in (("made", counted.made), ("memory", counted.from_memory)):
            for (method, route, status), number in answers.copy().items():
                answered[process, method, route, f"{status // 100}xx", source] += number
        requests = CounterMetricFamily("cms_requests", "Requests answered.", labels=[*labels, "status", "source"])
        for values, number in answered.items():
            requests.add_metric(values, number)
        yield requests
        about = "How long it took until an answer that did not come from memory began."
        seconds = HistogramMetricFamily("cms_request_seconds", about, labels=labels)
        for named, times in counted.times.copy().items():
            sums = zip((*map(str, BOUNDS_S), "+Inf"), accumulate(times.numbers), strict=True)
            seconds.add_metric([process, *named], list(sums), times.seconds)
        yield seconds
        refused = CounterMetricFamily("cms_refused", "Requests refused as too many.", labels=["process"])
        refused.add_metric([process], counted.refusals)
        yield refused


def _of_service(tx: Connection) -> Iterator[Metric]:
    yield InfoMetricFamily("cms_build", "What runs here.", {"version": version("markdown-cms")})
    is_ready = collections.built_stamp(tx) == context().stamp
    yield GaugeMetricFamily("cms_ready", "1 when requests are answered in full, as /readyz says.", is_ready)


def _of_worker() -> Iterator[Metric]:
    found = GaugeMetricFamily("cms_notice_seconds", "Since when /readyz has had the notice.", labels=["name"])
    for alert in service.all_notices():
        found.add_metric([alert.name], _since(alert.since))
    yield found
    about = "How long ago the step of the background work showed a sign of life."
    beats = GaugeMetricFamily("cms_worker_beat_seconds", about, labels=["step"])
    about = "How often the step of the background work has failed in a row."
    failures = GaugeMetricFamily("cms_worker_failures", about, labels=["step"])
    workers = heartbeat.workers(context())
    for metric, values in ((beats, heartbeat.idle_s(workers)), (failures, heartbeat.failures(workers))):
        for step, value in values.items():
            metric.add_metric([step], value)
        yield metric


def _of_content(tx: Connection) -> Iterator[Metric]:
    found = GaugeMetricFamily("cms_articles", "How many articles there are.", labels=["collection", "status"])
    on = shelves.all_of(tx)
    for row in collections.all_of(tx):
        for status in STATUSES:
            number = sum(n for shelf, n in on.items() if (shelf.collection, shelf.status) == (row.name, status))
            found.add_metric([row.name, status], number)
    yield found
    yield CounterMetricFamily("cms_changes", "Changes in the log.", changes.position(tx)[1])
    yield GaugeMetricFamily("cms_git_conflicts", "Files in GET /conflicts.", len(conflicts.all_of(tx)))


def _of_webhooks(tx: Connection) -> Iterator[Metric]:
    labels = ["webhook", "target"]
    lag = GaugeMetricFamily("cms_webhook_lag_seconds", "How long it has not been told of what is new.", labels=labels)
    failing = GaugeMetricFamily("cms_webhook_failing_seconds", "How long it has not taken anything.", labels=labels)
    for row in webhooks.all_of(tx):
        if CHANGED in row.events.split():
            new = changes.visible_since(tx, row.seq)
            lag.add_metric([row.id, row.target], _since(None if new is None else new.first_time))
        failing.add_metric([row.id, row.target], _since(row.failing_since))
    yield from (lag, failing)


def _of_builds(tx: Connection) -> Iterator[Metric]:
    live = builds.live_seq(tx)
    found = GaugeMetricFamily("cms_not_live_seconds", "How long what is published has not been live.")
    if live is not None:  # somebody reports builds
        new = changes.visible_since(tx, live)
        found.add_metric([], _since(None if new is None else new.first_time))
    yield found


def _since(moment: float | None) -> float:
    return 0 if moment is None else max(0, clock.of(context().database)() - moment)
