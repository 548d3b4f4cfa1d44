"""With every thread for reads taken, accepts and receipts still reach the database, and one key costs one look-up."""

import asyncio
import threading
from contextlib import asynccontextmanager

import pytest
from django.conf import settings

from health import app as health
from sms.database import in_thread
from sms.models import Message, Receipt
from sms.providers.base import DeliveryReport
from sms.services import authenticate, receive
from sms.services.accept import accept
from tests.accounts import make_caller

WAITING = 2_500  # more than may wait for a thread


@asynccontextmanager
async def all_threads_busy():
    """Reads that hang, on every thread there is."""
    go = threading.Event()
    hanging = [asyncio.create_task(in_thread(go.wait, 30)) for _ in range(settings.SMS_DATABASE_THREADS)]
    await asyncio.sleep(0.1)
    try:
        yield
    finally:
        go.set()
        await asyncio.gather(*hanging)


async def test_reads_that_hang_hold_up_neither_accepts_nor_receipts(caller):
    """Each shared commit has a thread of its own."""
    report = DeliveryReport(provider_reference="r", provider_status="DELIVERED", status=None)
    async with all_threads_busy():
        accepted = await accept(caller=caller, sender_id="MyCorp", recipient="233200000901", text="Hello")
        await receive._inbox(receive.Incoming("simulator", report, b"{}"))
    assert await in_thread(lambda: Message.objects.get().id) == accepted.message.id
    assert await in_thread(lambda: Receipt.objects.get().provider_reference) == "r"


async def test_one_key_is_looked_up_once_however_many_ask(transactional_db):
    """More requests than may wait for a thread share one look-up, and all of them get its answer."""
    await in_thread(lambda: make_caller("busy", key="sms_busy"))
    async with all_threads_busy():
        asking = [asyncio.create_task(authenticate.authenticate("Bearer sms_busy")) for _ in range(WAITING)]
        await asyncio.sleep(0.1)
        asking[0].cancel()  # takes nothing from the others
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert {answer.account_name for answer in answers[1:]} == {"busy"}


async def test_a_failed_look_up_is_not_remembered(transactional_db, monkeypatch):
    """The next one asks again."""
    await in_thread(lambda: make_caller("busy", key="sms_busy"))
    monkeypatch.setattr("sms.threads.TURN_WITHIN", 0.05)
    async with all_threads_busy():
        with pytest.raises(Exception, match="Too many requests are waiting"):
            await authenticate.authenticate("Bearer sms_busy")
    assert (await authenticate.authenticate("Bearer sms_busy")).account_name == "busy"


async def test_readiness_is_told_soon_when_the_database_is_busy(transactional_db, monkeypatch):
    """Whoever asks has less patience than a request has."""
    monkeypatch.setattr("sms.threads.TURN_WITHIN", 25.0)
    monkeypatch.setattr(health, "ANSWERS_WITHIN", 0.1)
    async with all_threads_busy():
        assert await health._ask_database() == {"postgresql": "does not answer"}
    assert await health._ask_database() == {}
