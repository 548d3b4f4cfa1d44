"""Accounts and keys as an operator manages them while the service runs."""

import json
import subprocess
import sys
import time

import pytest
from websockets import ConnectionClosed
from websockets.sync.client import connect

from tests.http import call
from tests.stack import ROOT

WITHIN = 20  # seconds; 5 are promised, but machines are shared


def manage(stack, *words):
    """Run `manage.py accounts` beside the running service and return what it prints."""
    command = [sys.executable, "manage.py", "accounts", *words]
    done = subprocess.run(command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def shop(stack):
    """The name of an account that may send as MyCorp."""
    manage(stack, "create", "shop", "--sender-id", "MyCorp")
    return "shop"


def status(stack, secret, **headers):
    """Send a message with a key and return the status of the answer."""
    message = {"sender_id": "MyCorp", "recipient": "233200000901", "text": "Hello"}
    headers["Authorization"] = f"Bearer {secret}"
    return call("POST", f"{stack.url}/api/messages/", message, headers).status


def test_a_key_that_is_revoked_elsewhere_is_soon_refused(stack, shop):
    """The web process that knows it well is told by nobody, and asks again in time."""
    secret, other = manage(stack, "create-key", shop), manage(stack, "create-key", shop)
    assert status(stack, secret) == 202
    manage(stack, "revoke-key", secret)
    end = time.monotonic() + WITHIN
    while (said := status(stack, secret)) == 202 and time.monotonic() < end:
        time.sleep(0.1)
    assert said == 401
    assert status(stack, other) == 202


def test_an_open_socket_of_a_revoked_key_is_soon_closed(stack, shop):
    """Although nothing happens on it."""
    secret = manage(stack, "create-key", shop)
    with connect(stack.websocket_url, subprotocols=["graphql-transport-ws"], close_timeout=2) as socket:
        socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {secret}"}}))
        assert json.loads(socket.recv(timeout=10))["type"] == "connection_ack"
        manage(stack, "revoke-key", secret)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=WITHIN)
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4403, "This API key is no longer valid")


def test_who_claims_to_come_from_elsewhere_is_not_believed(stack, shop):
    """Not from this very machine either, which web servers trust by themselves."""
    secret = manage(stack, "create-key", shop, "--network", "203.0.113.0/24")
    assert status(stack, secret, **{"X-Forwarded-For": "203.0.113.7"}) == 401
    assert status(stack, secret, Forwarded="for=203.0.113.7") == 401
    assert status(stack, manage(stack, "create-key", shop, "--network", "127.0.0.1")) == 202


def test_the_demo_account_keeps_its_other_keys(stack):
    """To prepare again deletes none that an operator has made."""
    secret = manage(stack, "create-key", "demo", "--name", "mine")
    again = [sys.executable, "manage.py", "prepare", "-v0"]
    subprocess.run(again, cwd=ROOT, env=stack.environment, check=True, capture_output=True)
    assert status(stack, secret) == 202
    keys = manage(stack, "keys", "demo").splitlines()
    assert [line.split("  ")[-2] for line in keys] == ["mine", "DEMO_API_KEY"]
