"""The examples for a shell: a script with curl, and frames to paste into websocat."""

import json
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
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


@contextmanager
def library(url):
    """Yield how to send and to receive a frame with Python's websockets, for machines without websocat."""
    with connect(url, subprotocols=["graphql-transport-ws"]) as socket:
        yield socket.send, lambda: socket.recv(timeout=20)


@contextmanager
def websocat(url):
    """Yield the same with websocat, as the page starts it: a line is a frame."""
    words = COMMAND.replace("ws://127.0.0.1:8080/graphql/", url).split()
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        yield (lambda frame: process.stdin.write(f"{frame}\n")), process.stdout.readline
        process.terminate()


NEEDS = pytest.mark.skipif(shutil.which("websocat") is None, reason="there is no websocat on this machine")


@pytest.mark.parametrize("client", [library, pytest.param(websocat, marks=NEEDS)])
@pytest.mark.parametrize("with_key", [True, False])
def test_the_frames_do_what_stands_below_them(stack, client, with_key):
    """Pasted one after the other, with the key and the id put in their places."""
    hello, mutation, follow, shown = (block.strip() for block in FRAMES)
    with client(stack.websocket_url) as (send, receive):
        send(hello.replace("API-KEY", stack.api_key) if with_key else ANONYMOUS)
        assert json.loads(receive()) == {"type": "connection_ack"}
        send(mutation)
        sent = json.loads(receive())["payload"]["data"]["sendMessage"]["message"]
        assert sent["status"] == "QUEUED"
        assert json.loads(receive()) == {"id": "send", "type": "complete"}
        send(follow.replace("MESSAGE-ID", sent["id"]))
        for line in shown.splitlines():
            assert json.loads(receive()) == json.loads(line)


def test_the_page_tells_of_the_answers_and_the_hello_without_a_key():
    """They are not in blocks of their own."""
    page = (EXAMPLES / "websocat.md").read_text()
    assert f"`{ANONYMOUS}`" in page
    assert '`{"type":"connection_ack"}`' in page
