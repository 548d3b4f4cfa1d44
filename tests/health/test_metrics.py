"""What an operator's Prometheus gets to see."""

from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from health.metrics import metrics
from sms.database import in_thread
from sms.models import DispatchEntry, Reconciliation
from sms.services.reconcile import keep_account
from sms.statuses import Status
from tests.messages import age, store, store_as
from tests.sms.test_report import receive

TOKEN = "a-token-of-the-tests"


@pytest.fixture
def token(settings):
    """A service that shows its metrics to whoever has the token."""
    settings.SMS_METRICS_TOKEN = TOKEN
    return {"authorization": f"Bearer {TOKEN}"}


async def get(headers):
    """Ask the endpoint as a server does; return the status and the text."""
    sent = []

    async def send(message):
        sent.append(message)

    written = [(name.encode(), value.encode()) for name, value in headers.items()]
    await metrics({"type": "http", "method": "GET", "path": "/metrics", "headers": written}, None, send)
    return sent[0]["status"], b"".join(one.get("body", b"") for one in sent[1:]).decode()


async def scrape(headers):
    """Return every sample by its name and labels."""
    status, text = await get(headers)
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_queue_is_counted(caller, token):
    """What is due, what waits for another try, what a worker has, and how old the oldest is."""

    def fill():
        due, waiting = store(caller), store(caller)
        age("sms_dispatchentry", "due_at", "1 minute", message_id=due.id)
        DispatchEntry.objects.filter(message=waiting).update(due_at="2100-01-01T00:00Z")
        store_as(caller, Status.SENDING)
        for _ in range(2):
            store(caller, send_at=datetime.now(UTC) + timedelta(hours=1))
        receive()

    await in_thread(fill)
    found = await scrape(token)
    states = ("due", "retrying", "scheduled", "leased")
    assert [found["sms_queue_messages", state] for state in states] == [1, 1, 2, 1]
    assert 60 <= found["sms_queue_oldest_due_seconds",] < 120
    assert found["sms_receipts", "due"] == 1
    assert found["sms_database_up",] == 1


async def test_drift_is_shown(caller, token):
    """The last account of each scope, with how many rows break a rule."""

    def damage():
        store(caller)
        keep_account(Reconciliation.Scope.RECENT)
        DispatchEntry.objects.all().delete()
        return keep_account(Reconciliation.Scope.RECENT)

    (found_drift,) = await in_thread(damage)
    assert found_drift.rule == "an open message has a queue entry"
    found = await scrape(token)
    assert found["sms_drift", "recent"] == 1
    assert [found["sms_reconciled_messages", "recent", state] for state in ("accepted", "open", "final")] == [1, 1, 0]
    assert ("sms_drift", "changing") not in found


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Bearer "}])
async def test_without_the_token_nothing_is_shown(token, headers):
    """The figures of a business are nobody else's."""
    status, text = await get(headers)
    assert (status, "sms_" in text) == (401, False)


@pytest.mark.parametrize(("account", "status"), [("", 404), ("demo", 200)])
async def test_with_no_token_set_only_the_quickstart_shows_them(transactional_db, settings, account, status):
    """Where anyone may send, anyone may look; elsewhere there is no such page."""
    settings.SMS_METRICS_TOKEN, settings.SMS_ANONYMOUS_ACCOUNT = "", account
    assert (await get({}))[0] == status
