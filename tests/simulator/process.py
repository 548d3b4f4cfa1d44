"""`python -m simulator` as a real process, and the two ways to submit to it."""

import http.client
import itertools
import json
import os
import re
import sys
import time
import uuid
from pathlib import Path

from devstack.processes import Child
from tests.http import Answer, call
from tests.simulator.sink import SECRET, Sink

ROOT = Path(__file__).parent.parent.parent
RECEIPT_DELAY = 0.05
LATE_RECEIPT_DELAY = 0.7
PATIENCE = 0.3  # seconds after which we hang up on a submit that is never answered

_numbers = itertools.count()


class Simulator:
    """A simulator on a free port, with its log in `directory`."""

    def __init__(self, directory: Path, *, webhook_url: str, **settings: str) -> None:
        self.log = directory / f"simulator-{next(_numbers)}.log"
        environment = {
            **os.environ,
            "SIMULATOR_HOST": "127.0.0.1",
            "SIMULATOR_PORT": "0",
            "WEBHOOK_URL": webhook_url,
            "DLR_SIGNING_SECRETS": f"{SECRET},another-secret",
            "SIMULATOR_RECEIPT_DELAY": str(RECEIPT_DELAY),
            "SIMULATOR_LATE_RECEIPT_DELAY": str(LATE_RECEIPT_DELAY),
            "LOG_LEVEL": "INFO",
            **settings,
        }
        words = [sys.executable, "-W", "error", "-m", "simulator"]
        self.child = Child("simulator", words, log=self.log, env=environment, cwd=ROOT)

    def __enter__(self):
        """Start it, and learn its port from its log."""
        self.child.start()
        end = time.monotonic() + 20
        while not (found := re.search(r"simulator_listens host=\S+ port=(\d+)", self.child.log_tail())):
            assert self.child.is_running, self.child.log_tail()
            assert time.monotonic() < end, "the simulator does not start"
            time.sleep(0.02)
        self.port = int(found[1])
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_error):
        """Stop it."""
        self.child.stop()

    def post(self, path: str, document: object) -> Answer:
        """POST JSON, or raw bytes."""
        return call("POST", f"{self.url}{path}", document)

    def get(self, path: str) -> Answer:
        """GET a path with its query."""
        return call("GET", f"{self.url}{path}")

    def look_up(self, client_reference: str) -> dict:
        """Return what the provider knows of a message."""
        return self.get(f"/v1/messages?client_reference={client_reference}").json()


def message(to: str = "233240000000", text: str = "Your code is 1234", **fields: str) -> dict:
    """Return a message under a client reference of its own."""
    return {"client_reference": str(uuid.uuid4()), "from": "MyCorp", "to": to, "text": text, **fields}


class Singly:
    """Submits with `POST /v1/messages`; the answer is returned in the words of a batch."""

    def __init__(self, simulator: Simulator, _sink: Sink) -> None:
        self._port = simulator.port

    def submit(self, document: dict) -> dict | None:
        """Return the result, or None when there was no answer until we hung up."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=None)
        try:
            connection.request("POST", "/v1/messages", json.dumps(document))
            if document["to"].endswith("11"):
                connection.sock.settimeout(PATIENCE)
            response = connection.getresponse()
            return self._in_batch_words(document, response.status, response.headers, json.loads(response.read()))
        except (TimeoutError, http.client.IncompleteRead):
            return None
        finally:
            connection.close()

    def _in_batch_words(self, document: dict, status: int, headers: http.client.HTTPMessage, content: dict) -> dict:
        result = {"client_reference": document["client_reference"]}
        if status == 202:
            return {**result, "status": "accepted", **content}
        assert content.keys() == {"code", "message"}
        if status == 400:
            return {**result, "status": "rejected", **content}
        if status == 429:
            return {**result, "status": "throttled", "retry_after": int(headers["Retry-After"])}
        assert status == 503
        return {**result, "status": "unavailable"}


class InBatch:
    """Submits with `POST /v1/batches`, between two neighbours who must not come to harm."""

    def __init__(self, simulator: Simulator, sink: Sink) -> None:
        self._simulator = simulator
        self._sink = sink

    def submit(self, document: dict) -> dict | None:
        """Return the result, or None when it is missing."""
        neighbours = [message("233240000001", "before"), message("+233240000002", "after")]
        answer = self._simulator.post("/v1/batches", {"messages": [neighbours[0], document, neighbours[1]]})
        assert answer.status == 200
        results = {one["client_reference"]: one for one in answer.json()["results"]}
        for neighbour in neighbours:
            self._is_unharmed(neighbour["client_reference"], results.pop(neighbour["client_reference"]))
        assert results.keys() <= {document["client_reference"]}
        return results.get(document["client_reference"])

    def _is_unharmed(self, client_reference: str, result: dict) -> None:
        assert result["status"] == "accepted"
        [receipt] = self._sink.wait_for(client_reference, 1)
        assert (receipt.document["provider_reference"], receipt.document["status"]) == (
            result["reference"],
            "DELIVERED",
        )
