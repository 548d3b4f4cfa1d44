"""Two routes, and one provider is killed while texts flow: they all go out, at once, and none goes out twice.

`FAILOVER_RATE` and `FAILOVER_SECONDS` make the load another one.
"""

import asyncio
import os
import time

import aiohttp
import pytest

from tests.http import call
from tests.routed import running

RATE = float(os.environ.get("FAILOVER_RATE", "300"))  # messages a second
SECONDS = float(os.environ.get("FAILOVER_SECONDS", "8"))
CLIENTS = 16
LONGEST = 2.0  # seconds from the accept to SENT, or to the receipt where that came first
COMES_BACK = 30.0  # seconds from a provider's return until texts go there again

WAITS = """
SELECT m.id, m.text, m.status, m.provider,
       extract(epoch FROM min(e.occurred_at) FILTER (WHERE e.status IN ('SENT', 'DELIVERED'))
                          - min(e.occurred_at))::float8
FROM sms_message m JOIN sms_messageevent e ON e.message_id = m.id GROUP BY m.id
"""
ATTEMPTS = "SELECT message_id, provider, outcome FROM sms_submitattempt"


@pytest.fixture
def routed(tmp_path):
    """Two routes, each to a simulator of its own."""
    with running(tmp_path) as stack:
        yield stack


async def load(stack, *, struck):
    """Send at a steady rate over connections that are kept; strike in the middle. Return how many were accepted."""
    count = int(RATE * SECONDS)
    numbers, begun = iter(range(count)), time.monotonic()
    connector = aiohttp.TCPConnector(limit=CLIENTS)
    headers = {"Authorization": f"Bearer {stack.api_key}"}

    async def client(session):
        for number in numbers:
            await asyncio.sleep(begun + number / RATE - time.monotonic())
            fields = {"sender_id": "MyCorp", "recipient": "233241234567", "text": f"text {number}"}
            async with session.post(f"{stack.url}/api/messages/", json=fields) as answer:
                assert answer.status == 202, await answer.text()

    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        clients = [asyncio.create_task(client(session)) for _ in range(CLIENTS)]
        await asyncio.sleep(SECONDS / 2)
        await asyncio.to_thread(struck)
        await asyncio.gather(*clients)
    return count


def taken_by(simulator):
    """How often a simulator took each text."""
    listed = call("GET", f"{simulator.url}/v1/submits?to=233241234567").json()["messages"]
    return {one["text"]: one["submits"] for one in listed}


def wait_until_all_are_sent(stack, count):
    """Wait until nothing is on its way any more, and return each message with how long it took."""
    end = time.monotonic() + 60
    while True:
        found = stack.query(WAITS)
        if len(found) == count and not [one for one in found if one[2] in ("QUEUED", "SENDING")]:
            return found
        assert time.monotonic() < end, f"{len(found)} of {count}: {[one for one in found if one[4] is None][:5]}"
        time.sleep(0.2)


def test_a_provider_that_is_killed_costs_no_text_and_no_time(routed):
    """All are SENT within two seconds of their accept, by one of the two, once.

    A request that was on its way in the very moment is the exception: nobody knows what became of it, and so it is not
    sent again.
    """
    one, two = routed.simulators["one"], routed.simulators["two"]
    before = {}

    def kill():
        before.update(taken_by(one))
        one.child.kill()

    count = asyncio.run(load(routed, struck=kill))
    found = wait_until_all_are_sent(routed, count)
    attempts = routed.query(ATTEMPTS)
    perhaps = {message for message, _, outcome in attempts if outcome == "MAYBE_SENT"}
    known = [row for row in found if row[0] not in perhaps]
    # A batch or two may have been on its way.
    assert len(perhaps) <= max(20, RATE), f"{len(perhaps)} were on their way"
    assert {row[2] for row in known} <= {"SENT", "DELIVERED"}
    slowest = max(row[4] for row in known)
    print(f"{count} at {RATE:.0f}/s, {len(perhaps)} on their way, the slowest was SENT after {slowest:.3f} s")
    assert slowest <= LONGEST

    had_it = [message for message, _, outcome in attempts if outcome in ("SENT", "MAYBE_SENT")]
    assert len(had_it) == len(set(had_it)) == count
    after = taken_by(two)
    assert set(after.values()) == {1}
    assert not before.keys() & after.keys()
    texts = {row[0]: row[1] for row in found}
    assert after.keys() == {
        texts[message] for message, provider, outcome in attempts if (provider, outcome) == ("two", "SENT")
    }
    assert len(before) > 0.2 * count
    assert [row[0] for row in routed.query("SELECT country FROM sms_routebreaker")] == ["GH"]

    one.child.start()
    end = time.monotonic() + COMES_BACK
    while not taken_by_if_up(one):
        assert time.monotonic() < end, "nothing goes to a provider that is back"
        routed.send(recipient="233241234567", text="is it back?")
        time.sleep(0.3)
    assert "breaker closed for GH" in "\n".join(routed.routes("show", "one"))


def taken_by_if_up(simulator):
    """What it took, or nothing while it starts."""
    try:
        return taken_by(simulator)
    except OSError:
        return {}
