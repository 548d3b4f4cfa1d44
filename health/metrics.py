"""`/metrics` for Prometheus: what this web process counts itself, and what the database says of them all."""

import hmac
from collections.abc import Iterable, Iterator
from http import HTTPStatus

from django.conf import settings
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response

from edge import problems
from edge.endpoint import Endpoint
from sms import selectors
from sms.database import in_thread, query
from sms.errors import Unauthenticated, Unavailable
from sms.models import Reconciliation
from sms.selectors import Queue


class DatabaseCollector(Collector):
    """Asks the database at each scrape, so that it does not matter which web process is scraped."""

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: that would ask the database at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what the database says; only that it is down, when it is."""
        try:
            queue, accounts = query(selectors.queue), query(selectors.last_reconciliations)
        except Unavailable:
            yield _gauge("sms_database_up", "Whether PostgreSQL answers.", 0)
            return
        yield _gauge("sms_database_up", "Whether PostgreSQL answers.", 1)
        yield from _of_queue(queue)
        yield from _of_accounts(accounts)


def _of_queue(queue: Queue) -> Iterator[Metric]:
    messages = GaugeMetricFamily("sms_queue_messages", "Messages that wait for a worker.", labels=["state"])
    messages.add_metric(["due"], queue.due)
    messages.add_metric(["retrying"], queue.retrying)
    messages.add_metric(["scheduled"], queue.scheduled)
    messages.add_metric(["leased"], queue.leased)
    yield messages
    yield _gauge("sms_queue_oldest_due_seconds", "How long the first due message has waited.", queue.oldest_due)
    receipts = GaugeMetricFamily("sms_receipts", "Receipts that are not processed yet.", labels=["state"])
    receipts.add_metric(["due"], queue.receipts_due)
    receipts.add_metric(["waiting"], queue.receipts_waiting)
    yield receipts
    oldest = queue.oldest_receipt_due
    yield _gauge("sms_receipts_oldest_due_seconds", "How long the first due receipt has waited.", oldest)


def _of_accounts(accounts: Iterable[Reconciliation]) -> Iterator[Metric]:
    messages = GaugeMetricFamily("sms_reconciled_messages", "Messages in the last account.", labels=["scope", "state"])
    broken = GaugeMetricFamily("sms_drift", "Rows that break a rule of the last account: 0 is right.", labels=["scope"])
    made_at = GaugeMetricFamily("sms_reconciled_at_seconds", "When the last account was made.", labels=["scope"])
    for one in accounts:
        scope = one.scope.lower()
        for state, number in (("accepted", one.accepted), ("open", one.open), ("final", one.final)):
            messages.add_metric([scope, state], number)
        broken.add_metric([scope], sum(drift["count"] for drift in one.drift))
        made_at.add_metric([scope], one.at.timestamp())
    yield from (messages, broken, made_at)


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value)


DATABASE = CollectorRegistry()  # of its own: whoever reads the process's metrics need not ask the database
DATABASE.register(DatabaseCollector())


def render() -> bytes:
    """Return everything in Prometheus's text format."""
    return generate_latest(REGISTRY) + generate_latest(DATABASE)


def _has(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "").encode("utf-8", "replace")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


async def show_metrics(request: Request) -> Response:
    """Return all metrics to whoever has the token; without one only in the quickstart, where anyone may send, too."""
    token = settings.SMS_METRICS_TOKEN
    if not token and not settings.SMS_ANONYMOUS_ACCOUNT:
        return problems.not_found()
    if token and not _has(request, token):
        raise Unauthenticated("Send METRICS_TOKEN as 'Authorization: Bearer <token>'.")
    body = await in_thread(render)
    return Response(body, HTTPStatus.OK, {"Cache-Control": "no-store"}, CONTENT_TYPE_LATEST)


metrics = Endpoint(GET=show_metrics)
