"""The examples for a shell: a script with curl, and frames to paste into websocat."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from websockets.sync.client import connect

EXAMPLES = Path(__file__).parents[2] / "examples"
FRAMES = re.findall(r"```json\n(.+?)```", (EXAMPLES / "websocat.md").read_text(), re.DOTALL)
COMMAND = re.search(r"^\$ (websocat .+)$", (EXAMPLES / "websocat.md").read_text(), re.MULTILINE)[1]
ANONYMOUS = '{"type":"connection_init"}'


@pytest.mark.parametrize("with_key", [True, False])
def test_the_round_trip_with_curl(stack, with_key):
    """Sent, repeated as the same message, delivered, and another one withdrawn in time."""
    environment = {**os.environ, "SMS_URL": stack.url, **({"SMS_API_KEY": stack.api_key} if with_key else {})}
    done = subprocess.run(
        [EXAMPLES / "messages.sh"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    told = re.sub(r" +", " ", done.stdout).splitlines()
    first, later = told[0].split()[1], told[3].split()[1]
    assert told == [
        f"sent {first} QUEUED",
        f"repeated {first} idempotency-replayed: true",
        f"shown {first} DELIVERED",
        f"scheduled {later} SCHEDULED",
        f"canceled {later} CANCELED",
    ]


class Library:
    """The same frames by Python's websockets, for machines without websocat."""

    def __init__(self, url):
        self._socket = connect(url, subprotocols=["graphql-transport-ws"])

    def send(self, frame):
        self._socket.send(frame)

    def receive(self):
        return self._socket.recv(timeout=20)

    def close(self):
        self._socket.close()


class Websocat:
    """websocat as the page starts it."""

    def __init__(self, url):
        words = COMMAND.replace("ws://127.0.0.1:8080/graphql/", url).split()
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def send(self, frame):
        self._process.stdin.write(f"{frame}\n")
        self._process.stdin.flush()

    def receive(self):
        return self._process.stdout.readline()

    def close(self):
        self._process.stdin.close()
        self._process.wait(timeout=10)
        self._process.stdout.close()


NEEDS = pytest.mark.skipif(shutil.which("websocat") is None, reason="there is no websocat on this machine")


@pytest.mark.parametrize("client", [Library, pytest.param(Websocat, marks=NEEDS)])
@pytest.mark.parametrize("with_key", [True, False])
def test_the_frames_do_what_stands_below_them(stack, client, with_key):
    """Pasted one after the other, with the key and the id put in their places."""
    hello, send, follow, shown = (block.strip() for block in FRAMES)
    socket = client(stack.websocket_url)
    try:
        socket.send(hello.replace("API-KEY", stack.api_key) if with_key else ANONYMOUS)
        assert json.loads(socket.receive()) == {"type": "connection_ack"}
        socket.send(send)
        sent = json.loads(socket.receive())["payload"]["data"]["sendMessage"]["message"]
        assert sent["status"] == "QUEUED"
        assert json.loads(socket.receive()) == {"id": "send", "type": "complete"}
        socket.send(follow.replace("MESSAGE-ID", sent["id"]))
        for line in shown.splitlines():
            assert json.loads(socket.receive()) == json.loads(line)
    finally:
        socket.close()


def test_the_page_tells_of_the_answers_and_the_hello_without_a_key():
    """They are not in blocks of their own."""
    page = (EXAMPLES / "websocat.md").read_text()
    assert f"`{ANONYMOUS}`" in page
    assert '`{"type":"connection_ack"}`' in page
