"""A database that hangs, and a web process that is told to stop: everybody gets an answer, in time."""

import concurrent.futures
import http.client
import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import psycopg2
import pytest

from tests.http import call
from tests.stack import ROOT, Stack, fresh_database, fresh_redis

ANSWERED_WITHIN = 25  # seconds; 7 is what the service allows itself, machines are shared
SEND = 'mutation { sendMessage(input: {senderId: "MyCorp", recipient: "233200000901", text: "Hi"}) { __typename } }'


@pytest.fixture
def web(tmp_path):
    """A web process with a database of its own; nobody works."""
    urls = {"DATABASE_URL": fresh_database("overload"), "REDIS_URL": fresh_redis(3)}
    stack = Stack(tmp_path, **urls)
    words = [sys.executable, "manage.py", "prepare", "-v0"]
    subprocess.run(words, cwd=ROOT, env=stack.environment, check=True, timeout=60)
    stack.web.start()
    try:
        wait_until(lambda: _answers(stack))
        assert stack.send().status == 202
        yield stack
    finally:
        stack.web.stop(within=20)


def _answers(stack):
    try:
        return call("GET", f"{stack.url}/healthz").status == 200
    except OSError:
        return False


def wait_until(condition, *, within=30):
    """Wait for something to become true."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@contextmanager
def hanging(stack):
    """No statement that touches messages gets on."""
    connection = psycopg2.connect(stack.environment["DATABASE_URL"])
    try:
        connection.cursor().execute("LOCK TABLE sms_message IN ACCESS EXCLUSIVE MODE")
        yield
    finally:
        connection.close()


def blocked(stack):
    """How many statements wait for the lock."""
    return stack.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")[0][0]


def ask_all(stack, pool, number):
    """Ask for everything `number` times at once."""
    show = f"{stack.url}/api/messages/00000000-0000-0000-0000-000000000000/"
    asked = []
    for n in range(number):
        asked.append(pool.submit(stack.send, key=f"k-{n}"))
        asked.append(pool.submit(call, "GET", show))
        asked.append(pool.submit(call, "POST", f"{stack.url}/graphql/", {"query": SEND}))
    return asked


def test_a_database_that_hangs_is_answered_503_in_time(web):
    """Sends and reads through each door, with Retry-After; /healthz is well, /readyz is not; afterwards all is well."""
    with concurrent.futures.ThreadPoolExecutor(60) as pool, hanging(web):
        asked = ask_all(web, pool, 20)
        wait_until(lambda: blocked(web) >= 2)
        assert call("GET", f"{web.url}/healthz").status == 200
        ready = call("GET", f"{web.url}/readyz")
        answers = [one.result(ANSWERED_WITHIN) for one in asked]
        late = [call("GET", f"{web.url}/readyz"), web.send(key="late")]
    assert (ready.status, ready.json()["not_ready"]["postgresql"]) == (503, "does not answer")
    assert {(one.status, one.headers["retry-after"]) for one in [*answers, *late]} == {(503, "1")}
    codes = {(one.json().get("code") or one.json()["errors"][0]["extensions"]["code"]) for one in answers}
    assert codes == {"OVERLOADED", "SERVICE_UNAVAILABLE"}
    wait_until(lambda: {web.send(key=f"k-{n}").status for n in range(20)} == {202})
    assert call("GET", f"{web.url}/api/messages/00000000-0000-0000-0000-000000000000/").status == 404
    keys, keyed = web.query("SELECT count(*), count(DISTINCT message_id) FROM sms_idempotencykey")[0]
    assert (keys, keyed) == (20, 20)  # also of what a flush had taken when its callers were told that nobody knows


def test_what_is_in_hand_at_sigterm_gets_its_true_answer(web):
    """Requests that wait in a shared commit when web is told to stop are stored, and answered so."""
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        with hanging(web):
            asked = [pool.submit(web.send, key=f"k-{n}") for n in range(20)]
            wait_until(lambda: blocked(web) >= 1)
            web.web.send(signal.SIGTERM)
            time.sleep(0.5)
        answers = [one.result(ANSWERED_WITHIN) for one in asked]
    assert [one.status for one in answers] == [202] * 20
    ids = {one.json()["id"] for one in answers}
    assert ids <= {row[0] for row in web.query("SELECT id::text FROM sms_message")}
    wait_until(lambda: not web.web.is_running)


def test_an_idle_connection_is_told_before_it_is_closed(web):
    """A request that comes in after SIGTERM is answered, and that answer says that it is the last on its connection."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=ANSWERED_WITHIN)
    connection.request("GET", "/healthz")
    assert connection.getresponse().read() == b'{"status":"ok"}'
    web.web.send(signal.SIGTERM)
    wait_until(lambda: not _answers(web))  # it takes no new connections: the signal has arrived
    body = json.dumps({"sender_id": "MyCorp", "recipient": "233200000901", "text": "Hello"})
    connection.request("POST", "/api/messages/", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Connection"]) == (202, "close")
    connection.close()
    wait_until(lambda: not web.web.is_running)
