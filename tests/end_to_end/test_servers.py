"""The same life on both servers: uvicorn, which the stack runs on, and daphne, which serves `manage.py runserver`."""

import asyncio

import pytest

from tests.event_streams import following
from tests.sockets import watch, watching
from tests.webhooks.test_receipts import report


@pytest.fixture(params=["stack", "daphne_stack"])
def either(request):
    """The whole service, on one server and then on the other."""
    return request.getfixturevalue(request.param)


def test_a_message_lives_its_whole_life(either):
    """HTTP in, worker, provider, signed receipt, and every change over the socket."""
    message = either.send(recipient="233200000901").json()
    events = watch(either, message["id"], after=0)
    assert [(one["sequence"], one["status"]) for one in events] == [
        (1, "QUEUED"),
        (2, "SENDING"),
        (3, "SENT"),
        (4, "DELIVERED"),
    ]


def test_changes_arrive_live(either):
    """A subscriber hears of a receipt at once, not when somebody looks again."""
    message = either.wait_for(either.send(recipient="233200000905").json()["id"], "SENT")
    with watching(either, message["id"]) as events:
        assert next(events)["status"] == "SENT"
        report(either, {"provider_reference": message["provider_reference"], "status": "DELIVERED"})
        assert next(events) == {
            "sequence": 4,
            "status": "DELIVERED",
            "final": True,
            "late": False,
            "providerStatus": "DELIVERED",
            "errorCode": None,
        }
        assert list(events) == []


def test_after_sequence_continues_where_the_client_stopped(either):
    """What happened in between is replayed from the database, each change once."""
    message = either.wait_for(either.send(recipient="233200000902").json()["id"], "UNDELIVERED")
    assert [one["sequence"] for one in watch(either, message["id"], after=2)] == [3, 4]
    assert [one["sequence"] for one in watch(either, message["id"])] == [4]
    assert watch(either, message["id"], after=4) == []


def test_a_late_correction_reaches_those_who_ask_for_it(either):
    """With includeLate the subscription outlives a soft final, and ends with the hard one."""
    message = either.wait_for(either.send(recipient="233200000903").json()["id"], "EXPIRED")
    with watching(either, message["id"], late=True) as events:
        assert next(events)["status"] == "EXPIRED"
        report(either, {"provider_reference": message["provider_reference"], "status": "DELIVERED"})
        last = next(events)
        assert (last["status"], last["late"], last["final"]) == ("DELIVERED", True, True)
        assert list(events) == []


async def test_changes_arrive_live_as_server_sent_events(either):
    """For clients without websockets: the present status, each change as it comes, and the end."""
    sent = await asyncio.to_thread(either.send, recipient="233200000905")
    message = await asyncio.to_thread(either.wait_for, sent.json()["id"], "SENT")
    async with following(either.url, message["id"], key=either.api_key, after=1) as stream:
        assert [await stream.change() for _ in range(2)] == [(2, "SENDING"), (3, "SENT")]
        receipt = {"provider_reference": message["provider_reference"], "status": "DELIVERED"}
        await asyncio.to_thread(report, either, receipt)
        assert await stream.changes() == [(4, "DELIVERED")]
