"""The process: it starts with good settings only, says so in a sentence, and stops when told."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

from simulator import settings
from tests.simulator.process import ROOT, Simulator, message
from tests.simulator.sink import Sink

GOOD = {"DLR_SIGNING_SECRETS": "secret", "SIMULATOR_PORT": "0"}


def start(**given):
    """Run a simulator that must refuse to start, and return what it said."""
    environment = {**os.environ, "SIMULATOR_PORT": "0", **given}
    done = subprocess.run(
        [sys.executable, "-m", "simulator"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 1
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"DLR_SIGNING_SECRETS": "a,,b"},
            "DLR_SIGNING_SECRETS: Needs one secret or more, comma separated, none of them empty",
        ),
        (
            {"SIMULATOR_PORT": "http", "WEBHOOK_URL": "localhost:8080", "SIMULATOR_RECEIPT_DELAY": "nan"},
            (
                "SIMULATOR_PORT: Not a valid integer; WEBHOOK_URL: Not an http or https URL; "
                "SIMULATOR_RECEIPT_DELAY: Special numeric values (nan or infinity) are not permitted"
            ),
        ),
        (
            {"SIMULATOR_SUBMIT_LATENCY": "-1", "WEBHOOK_URL": "http://[::1"},
            (
                "WEBHOOK_URL: Not an http or https URL; "
                "SIMULATOR_SUBMIT_LATENCY: Must be greater than or equal to 0 and less than or equal to 3600"
            ),
        ),
    ],
)
def test_bad_settings_are_refused_in_one_line(monkeypatch, given, said):
    """The line names each setting that is wrong."""
    for name, value in {**GOOD, **given}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refused:
        settings.read()
    assert str(refused.value) == f"The simulator's settings are wrong (see docs/simulator.md): {said}"


def test_a_missing_setting_stops_the_start(monkeypatch):
    """The process says what is missing, without a traceback."""
    monkeypatch.delenv("DLR_SIGNING_SECRETS", raising=False)
    said = "DLR_SIGNING_SECRETS: Environment variable not set"
    assert start() == f"The simulator's settings are wrong (see docs/simulator.md): {said}\n"


def test_the_first_secret_signs(monkeypatch):
    """The others are for whoever verifies."""
    monkeypatch.setenv("DLR_SIGNING_SECRETS", "first,second")
    assert settings.read().signing_secret == "first"


def test_a_port_in_use_is_refused_in_one_line():
    """The line names the settings to change."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = start(SIMULATOR_PORT=port, DLR_SIGNING_SECRETS="secret")
    assert re.fullmatch(
        rf"The simulator cannot listen \(SIMULATOR_HOST=127\.0\.0\.1, SIMULATOR_PORT={port}\): .*in use.*\n", said
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once(tmp_path, number):
    """A stop signal ends it within 2 seconds, with submits hanging, receipts waiting and connections open."""
    with Sink() as sink, Simulator(tmp_path, webhook_url=sink.url, SIMULATOR_RECEIPT_DELAY="60") as simulator:
        idle = http.client.HTTPConnection("127.0.0.1", simulator.port)
        idle.request("GET", "/healthz")
        idle.getresponse().read()
        hanging = http.client.HTTPConnection("127.0.0.1", simulator.port)
        hanging.request("POST", "/v1/messages", json.dumps(message("233200000911")))
        while simulator.get("/healthz").json()["open"] == 0:
            time.sleep(0.01)
        told_at = time.monotonic()
        simulator.child.send(number)
        answer = hanging.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (504, "no_answer")
        while simulator.child.is_running:
            time.sleep(0.01)
        assert time.monotonic() - told_at < 2
        idle.close()
        hanging.close()
    lines = [line.split(" ", 2)[2] for line in simulator.log.read_text().splitlines()]
    assert lines[1:] == ["WARNING simulator receipts_lost messages=1"]
    assert sink.calls == []


def test_the_page_names_each_setting():
    """docs/simulator.md has a row for every variable that the simulator reads."""
    read = set(re.findall(r'env\.\w+\("([A-Z_]+)"', (ROOT / "simulator" / "settings.py").read_text()))
    page = (ROOT / "docs" / "simulator.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE)) == read
