"""One simulator and one webhook for most tests; those that need settings of their own start another."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.simulator.process import InBatch, Simulator, Singly, message
from tests.simulator.sink import Sink


@pytest.fixture(scope="session")
def sink():
    """A webhook that takes all receipts, if not told otherwise."""
    with Sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def simulator(sink, tmp_path_factory):
    """A simulator that sends to the sink."""
    with Simulator(tmp_path_factory.mktemp("simulator"), webhook_url=sink.url) as simulator:
        yield simulator


@pytest.fixture(params=[Singly, InBatch], ids=["singly", "in-batch"])
def provider(request, simulator, sink):
    """The two ways to submit a message."""
    return request.param(simulator, sink)


@pytest.fixture(scope="session")
def unanswered(simulator, sink):
    """A message whose first receipt the webhook leaves without an answer."""
    document = message()
    sink.answer(document["client_reference"], None)
    assert simulator.post("/v1/messages", document).status == 202
    return document["client_reference"]


@pytest.fixture(scope="session")
def held_up(tmp_path_factory):
    """The submit of a message with fate 08, to whose receipt the webhook takes long to answer."""

    def submit():
        submitted_at = time.monotonic()
        result = Singly(simulator, sink).submit(message("233200000908"))
        return result, submitted_at, time.monotonic(), sink

    with (
        Sink() as sink,
        Simulator(tmp_path_factory.mktemp("held_up"), webhook_url=sink.url) as simulator,
        ThreadPoolExecutor() as pool,
    ):
        sink.unnamed_answer = 3.0
        yield pool.submit(submit)
