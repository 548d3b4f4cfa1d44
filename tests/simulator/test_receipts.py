"""How receipts are sent: signed, again when they were not taken, and not at all when they were refused."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

from devstack.processes import free_port
from tests.simulator.process import Simulator, message
from tests.simulator.sink import Sink

FIRST_RETRIES = [0.2, 0.4]  # seconds


def test_a_receipt_is_sent_again_after_a_server_error(simulator, sink):
    """Each 5xx brings the same bytes once more, after a pause that doubles."""
    document = message()
    sink.answer(document["client_reference"], 503, 599)
    simulator.post("/v1/messages", document)
    calls = sink.wait_for(document["client_reference"], 3)
    assert [one.status for one in calls] == [503, 599, 202]
    assert len({one.body for one in calls}) == 1
    pauses = [later.came_at - sooner.answered_at for sooner, later in itertools.pairwise(calls)]
    for pause, expected in zip(pauses, FIRST_RETRIES, strict=True):
        assert expected * 0.95 <= pause < expected + 2


def test_a_receipt_is_not_sent_again_after_a_refusal(simulator, sink):
    """What is neither taken nor a server error is final, and one line in the log."""
    documents = {status: message() for status in (400, 401, 404, 413, 429, 302, 307)}
    for status, document in documents.items():
        sink.answer(document["client_reference"], status)
    simulator.post("/v1/batches", {"messages": list(documents.values())})
    for document in documents.values():
        sink.wait_for(document["client_reference"], 1)
    time.sleep(0.4)
    log = simulator.log.read_text()
    for status, document in documents.items():
        [receipt] = sink.of(document["client_reference"])
        line = f"receipt_refused reference={receipt.document['provider_reference']} to=23324*****00 status={status}\n"
        assert log.count(line) == 1


def test_a_refused_receipt_does_not_end_the_script(simulator, sink):
    """The second receipt of a message comes though the first one was refused."""
    document = message("233200000909")
    sink.answer(document["client_reference"], 400)
    simulator.post("/v1/messages", document)
    calls = sink.wait_for(document["client_reference"], 2)
    assert [(one.document["status"], one.status) for one in calls] == [("DELIVERED", 400), ("UNDELIVERED", 202)]


def test_receipts_outlast_a_webhook_that_is_down(tmp_path):
    """Receipts wait while nothing listens there, each comes once afterwards, and the log has a line and not a flood."""
    port = free_port()
    documents = [message() for _ in range(50)]
    with Simulator(tmp_path, webhook_url=f"http://127.0.0.1:{port}/dlr/", SIMULATOR_RECEIPT_DELAY="0") as simulator:
        simulator.post("/v1/batches", {"messages": documents})
        time.sleep(0.3)
        assert simulator.get("/healthz").json() == {"status": "ok", "open": 50}
        sink = Sink(port)
        with sink:
            for one in documents:
                sink.wait_for(one["client_reference"], 1)
            simulator.child.stop()
    assert len(sink.calls) == 50
    log = simulator.log.read_text()
    assert log.count("webhook_failed reason='ClientConnectorError'") == 1
    assert "receipts_lost" not in log


def test_an_answer_waits_for_its_receipt_only_so_long(held_up):
    """A webhook that is slow with the receipt of fate 08 holds the submit up for 2 seconds, and still gets it."""
    result, submitted_at, answered_at, sink = held_up.result()
    assert result["status"] == "accepted"
    assert answered_at - submitted_at >= 2
    [receipt] = sink.wait_for(result["reference"], 1)
    assert receipt.came_at < answered_at < receipt.answered_at


def test_a_slow_provider(tmp_path):
    """SIMULATOR_SUBMIT_LATENCY delays the answers to submits of both kinds, many at a time, and nothing else."""
    with Sink() as sink, Simulator(tmp_path, webhook_url=sink.url, SIMULATOR_SUBMIT_LATENCY="0.4") as simulator:
        document = message("233200000904")

        def duration(path, body):
            submitted_at = time.monotonic()
            simulator.post(path, body)
            return time.monotonic() - submitted_at

        with ThreadPoolExecutor() as pool:
            submits = [pool.submit(duration, "/v1/messages", document) for _ in range(4)]
            submits.append(pool.submit(duration, "/v1/batches", {"messages": [document] * 1000}))
        assert all(0.4 <= one.result() < 1.5 for one in submits)
        assert min(duration("/v1/messages", b"not a submit") for _ in range(3)) < 0.4


def test_a_receipt_without_an_answer_is_sent_again(unanswered, sink):
    """After 5 seconds of silence the same bytes come once more."""
    first, second = sink.wait_for(unanswered, 2, within=10)
    assert (first.status, second.status) == (0, 202)
    assert first.body == second.body
    assert 5 <= second.came_at - first.came_at < 7
