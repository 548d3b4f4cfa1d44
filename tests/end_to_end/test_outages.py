"""PostgreSQL and Redis go away and come back; the service says what it can do, and loses nothing."""

import time
from contextlib import closing

import psycopg2
import pytest

from devstack.postgres import Postgres
from devstack.redis import Redis
from tests.http import call
from tests.stack import Stack
from tests.webhooks.test_receipts import report


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    """A stack with servers of its own, which these tests stop and start."""
    directory = tmp_path_factory.mktemp("fragile")
    postgres, redis = Postgres(directory / "pg", durable=False), Redis(directory / "redis")
    stack = None
    try:
        postgres.start()
        redis.start()
        stack = Stack(directory, DATABASE_URL=postgres.create_database("sms"), REDIS_URL=redis.url)
        stack.postgres, stack.redis = postgres, redis
        stack.start()
        yield stack
    finally:
        if stack is not None:
            stack.stop()
        redis.remove()
        postgres.remove()


def not_ready(stack):
    """What /readyz names."""
    answer = call("GET", f"{stack.url}/readyz")
    return set(answer.json()["not_ready"]) if answer.status == 503 else set()


def wait_until(condition, *, within=30):
    """Wait for something to become true."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_without_postgresql_everything_says_try_again(fragile):
    """503 with Retry-After, never a false success; and after its return nothing accepted before is missing."""
    before = fragile.send(recipient="233200000905").json()
    fragile.wait_for(before["id"], "SENT")
    fragile.postgres.stop()
    try:
        graphql = call("POST", f"{fragile.url}/graphql/", {"query": '{ message(id: "%s") { id } }' % before["id"]})
        answers = {
            "send": fragile.send(),
            "show": call("GET", f"{fragile.url}/api/messages/{before['id']}/"),
            "events": call("GET", f"{fragile.url}/api/events/"),
            "receipt": report(fragile, {"provider_reference": "r", "status": "DELIVERED"}),
            "graphql": graphql,
        }
        assert {name: one.status for name, one in answers.items()} == dict.fromkeys(answers, 503)
        assert {name: "retry-after" in one.headers for name, one in answers.items()} == dict.fromkeys(answers, True)
        assert answers["send"].json()["code"] == "SERVICE_UNAVAILABLE"
        assert graphql.json()["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert call("GET", f"{fragile.url}/healthz").status == 200
        assert not_ready(fragile) == {"postgresql"}
    finally:
        fragile.postgres.start()
    assert fragile.message(before["id"])["status"] == "SENT"
    after = fragile.send(recipient="233200000901")
    assert after.status == 202
    assert fragile.wait_for(after.json()["id"], "DELIVERED")
    wait_until(lambda: not_ready(fragile) == set())


def test_without_redis_everything_is_still_accepted(fragile):
    """Sends and receipts are answered 202 at once, and processed when it is back, with its data lost."""
    message = fragile.wait_for(fragile.send(recipient="233200000905").json()["id"], "SENT")
    fragile.redis.kill()
    try:
        begun = time.monotonic()
        accepted = [fragile.send(recipient="233200000901") for _ in range(5)]
        answer = report(fragile, {"provider_reference": message["provider_reference"], "status": "DELIVERED"})
        assert time.monotonic() - begun < 5
        assert [one.status for one in accepted] + [answer.status] == [202] * 6
        assert {"redis"} <= not_ready(fragile)
    finally:
        fragile.redis.start()
    for one in accepted:
        fragile.wait_for(one.json()["id"], "DELIVERED", within=60)
    fragile.wait_for(message["id"], "DELIVERED", within=60)
    wait_until(lambda: not_ready(fragile) == set())


def test_dead_parts_are_named(fragile):
    """/readyz says which parts are missing, and is content again when they are back."""
    dead = [fragile.worker, fragile.beat]
    for child in dead:
        child.kill()
    wait_until(lambda: not_ready(fragile) == {"worker", "beat"})
    for child in dead:
        child.start()
    wait_until(lambda: not_ready(fragile) == set())


NUMBER = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


def test_a_cursor_outlives_a_crash_of_postgresql(fragile):
    """It gives the numbers of transactions away again that it had not written down; no cursor has come as far."""
    others = [fragile.worker, fragile.beat]
    for child in others:  # whatever they commit is written down
        child.kill()
    fragile.send()
    with closing(psycopg2.connect(fragile.environment["DATABASE_URL"])) as connection, connection.cursor() as cursor:
        for _ in range(200):
            cursor.execute("SELECT pg_current_xact_id()")
            connection.rollback()
    cursor = call("GET", f"{fragile.url}/api/events/").json()["cursor"]
    before = fragile.query(NUMBER)
    fragile.postgres.kill()
    fragile.postgres.start()
    assert fragile.query(NUMBER) < before
    sent = fragile.send().json()
    page = call("GET", f"{fragile.url}/api/events/?after={cursor}").json()
    assert [one["message_id"] for one in page["events"]] == [sent["id"]]
    for child in others:
        child.start()
    wait_until(lambda: not_ready(fragile) == set())
