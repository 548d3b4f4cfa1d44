"""`manage.py smpp`: real processes between the queue and an SMSC that somebody else wrote."""

import asyncio
import os
import signal
import sys
import threading
import time
from contextlib import asynccontextmanager

import pytest
from django.conf import settings

from devstack.processes import free_port
from sms.credentials import Safe
from sms.database import in_thread
from sms.models import InboundMessage, Message, Receipt, Route, SubmitAttempt
from sms.providers.registry import setup_of
from sms.providers.smpp import Smpp
from sms.routing import snapshot
from sms.services import serve
from tests import commands
from tests.messages import store
from tests.receipts import process
from tests.sms.providers.smsc.process import Smsc
from tests.stack import ROOT

WITHIN = 30.0  # seconds for a process of Django to come, and for what it has to do


def make_route(port, **options):
    """Make the route to a port here, the only one there is."""
    said = {"host": "127.0.0.1", "port": str(port), "system_id": "esme"} | options
    credentials = Safe(settings.SMS_CREDENTIALS_KEYS).encrypt({"password": "secret"})
    Route.objects.create(name="primary", kind="smpp", options=said, credentials=credentials)
    snapshot.forget()


@asynccontextmanager
async def serving(*, route="primary"):
    """A process that serves the route, told to stop at the end."""
    environment = os.environ | {"DATABASE_URL": await in_thread(commands.database_url)}
    words = (sys.executable, "manage.py", "smpp", "--route", route)
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, env=environment, stderr=asyncio.subprocess.DEVNULL)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), WITHIN) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def until(question, *, within=WITHIN):
    """Wait until a question to the database is answered with yes."""
    end = time.monotonic() + within
    while not await in_thread(question):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


def statuses():
    """The statuses of all messages, each once."""
    return set(Message.objects.values_list("status", flat=True))


@pytest.fixture
async def smsc(caller):
    """An SMSC with receipts, and the route to it."""
    async with Smsc(receipts="tlv", delay=2) as made:
        await in_thread(make_route, made.port)
        yield made
    snapshot.forget()


async def test_messages_and_receipts(smsc, caller):
    """Two processes share a route: what is due goes out once, receipts are stored and applied, and all say good-bye."""

    def store_many():
        return [store(caller, text=f"message {n}").id for n in range(300)]

    def all_delivered():
        process()
        return statuses() == {"DELIVERED"}

    await in_thread(store_many)
    async with serving(), serving():
        await smsc.wait("bind", count=2)
        await until(all_delivered)
        await in_thread(store, caller)  # one more, long after: somebody looks
        await until(all_delivered)
    assert smsc.count("unbind") == 2
    texts = [one["text"] for one in smsc.accepted]
    assert sorted(texts) == sorted(["Hello", *(f"message {n}" for n in range(300))])
    assert await in_thread(lambda: set(SubmitAttempt.objects.values_list("provider", "number"))) == {("primary", 1)}
    assert await in_thread(Receipt.objects.filter(processed_at=None).count) == 0


async def test_texts_from_handsets(smsc, caller):
    """Stored before they are answered, joined from their parts, and once, though the connection is lost meanwhile."""
    numbers = {"source_addr_ton": 1, "source_addr": "233200000901", "destination_addr": "1234", "data_coding": 0}

    def texts():
        return sorted(InboundMessage.objects.values_list("text", "sender", "recipient", "provider"))

    async with serving():
        await smsc.wait("bind")
        for n, part in enumerate((b"Hello ", b"there"), 1):
            octets = bytes((5, 0, 3, 42, 2, n)) + part
            smsc.deliver(f"part {n}", **numbers, esm_class=0x40, short_message={"hex": octets.hex()})
        for n in range(20):
            smsc.deliver(f"text {n}", **numbers, short_message=f"text {n:02}")
        await smsc.wait("deliver_sm_resp")
        smsc.order("drop")
        await until(lambda: InboundMessage.objects.count() >= 21)
        await smsc.wait("deliver_sm_resp", count=22)
    expected = ["Hello there", *(f"text {n:02}" for n in range(20))]
    assert await in_thread(texts) == [(text, "+233200000901", "1234", "primary") for text in expected]


async def test_the_smsc_is_away_for_a_moment(smsc, caller):
    """What is due waits for the next connection, and no try is spent on it."""
    async with serving():
        await smsc.wait("bind")
        await smsc.kill()
        await in_thread(store, caller)
        await asyncio.sleep(0.3)
        assert await in_thread(statuses) == {"QUEUED"}
        await smsc.start()
        await until(lambda: statuses() == {"SENT"})
    assert await in_thread(lambda: list(SubmitAttempt.objects.values_list("number", flat=True))) == [1]


async def test_the_route_is_set_up_anew(smsc, caller):
    """The old connection is ended politely, and another one is made as the options say now."""

    def change():
        route = Route.objects.get()
        route.options |= {"system_id": "other"}
        route.save()

    async with serving():
        await smsc.wait("bind")
        await in_thread(change)
        await smsc.wait("bind", count=2)
        await in_thread(store, caller)
        await until(lambda: statuses() == {"SENT"})
    assert [one["system_id"] for one in smsc.all("bind")] == ["esme", "other"]
    assert smsc.count("unbind") == 2


def test_what_cannot_be_served(caller):
    """A sentence says why: no such route, or one of the workers, or options that cannot be right."""
    assert commands.refusal("smpp", "--route", "primary") == "The route primary cannot be served: there is none."
    Route.objects.create(
        name="primary", kind="simulator", options={"url": "http://127.0.0.1:9", "signing_secrets": "s"}
    )
    snapshot.forget()
    assert commands.refusal("smpp", "--route", "primary") == "The route primary is served by the workers."
    Route.objects.update(kind="smpp", options={"host": "h", "system_id": "esme", "port": "x"})
    snapshot.forget()
    assert commands.refusal("smpp", "--route", "primary").startswith("The route primary cannot be served: A smpp needs")


def test_messages_go_elsewhere_once_no_connection_has_come_back_for_a_while(monkeypatch):
    """In the first moments they wait for it; then they are claimed, and end as what the provider has not."""
    monkeypatch.setattr(serve, "GRACE", 0.3)
    said = {"host": "127.0.0.1", "port": str(free_port()), "system_id": "esme", "password": "secret"}
    connection = serve.Connection(Smpp.from_setup(setup_of("primary", "smpp", said)))
    try:
        assert not connection.takes_messages
        time.sleep(0.4)
        assert connection.takes_messages
    finally:
        connection.end()


async def test_a_host_that_cannot_be_one_does_not_keep_the_process_busy(caller, monkeypatch):
    """Whatever ends a connection by our own fault: the next one takes a breath first."""
    monkeypatch.setattr(serve, "BREATHE", 0.2)
    made = []
    monkeypatch.setattr(serve.Connection, "_keep", _counting(serve.Connection._keep, made))
    await in_thread(lambda: make_route(1, host="a..b"))
    stop = threading.Event()
    threading.Timer(1.0, stop.set).start()
    await in_thread(lambda: serve.serve("primary", stop=stop))
    assert 1 <= len(made) <= 8


def _counting(keep, made):
    async def counted(connection):
        made.append(connection)
        await keep(connection)

    return counted
