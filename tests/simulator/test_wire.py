"""The provider's API: what it takes, what it refuses and in which words, what can be asked."""

import json
import re

import pytest

from tests.http import call
from tests.simulator.process import message

LARGEST_BODY = 4 * 1024 * 1024


def without(name):
    """A message without one of its fields."""
    return {key: value for key, value in message().items() if key != name}


def test_health(simulator):
    """200 while it runs, with the number of messages that have receipts to come."""
    answer = simulator.get("/healthz")
    assert (answer.status, answer.json().keys()) == (200, {"status", "open"})


def test_an_accepted_message(simulator):
    """202 with the reference and nothing else."""
    answer = simulator.post("/v1/messages", message())
    assert (answer.status, answer.json().keys()) == (202, {"reference"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (without("client_reference"), "invalid_request"),
        (message(client_reference=""), "invalid_request"),
        (message(client_reference="x" * 256), "invalid_request"),
        (message(client_reference=7), "invalid_request"),
        (without("from"), "invalid_sender"),
        (message(**{"from": "x" * 21}), "invalid_sender"),
        (without("to"), "invalid_destination"),
        (message(to="0244123456"), "invalid_destination"),
        (message(to="+233 24 412 3456"), "invalid_destination"),
        (message(to="233244123456\n"), "invalid_destination"),
        (message(to="٢٣٣٢٤٤١٢٣٤٥٦"), "invalid_destination"),
        (message(to=233244123456), "invalid_destination"),
        (without("text"), "invalid_text"),
        (message(text=""), "invalid_text"),
        (message(text="x" * 1601), "invalid_text"),
        (message(text=None), "invalid_text"),
        ([], "invalid_request"),
        (b"null", "invalid_request"),
        (b"", "invalid_request"),
        (b"{", "invalid_request"),
        (b'{"client_reference": NaN}', "invalid_request"),
        (b"\xff", "invalid_request"),
        (b'{"text": "\\ud800"}', "invalid_request"),
        (b"[" * 5000, "invalid_request"),
    ],
)
def test_a_bad_message_is_refused(simulator, document, code):
    """400 with a code and a sentence, and nothing is taken."""
    answer = simulator.post("/v1/messages", document)
    assert (answer.status, answer.json().keys(), answer.json()["code"]) == (400, {"code", "message"}, code)
    assert re.fullmatch(r".{20,200}\.", answer.json()["message"])
    if isinstance(document, dict) and document.get("client_reference"):
        assert simulator.get(f"/v1/messages?client_reference={document['client_reference']}").status == 404


def test_a_bad_message_in_a_batch_is_rejected_alone(simulator, sink):
    """It gets a result of its own, in its place; its neighbours are taken."""
    documents = [message(), message(to="12"), message(text=""), message()]
    results = simulator.post("/v1/batches", {"messages": documents}).json()["results"]
    assert [one["client_reference"] for one in results] == [one["client_reference"] for one in documents]
    assert [one["status"] for one in results] == ["accepted", "rejected", "rejected", "accepted"]
    assert [one.get("code") for one in results] == [None, "invalid_destination", "invalid_text", None]
    for one in (documents[0], documents[3]):
        sink.wait_for(one["client_reference"], 1)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"messages": []},
        {"messages": {}},
        {"messages": [message()] * 1001},
        {"messages": [message(), "text"]},
        {"messages": [message(), without("client_reference")]},
        [message()],
        b"messages",
    ],
)
def test_a_bad_batch_is_refused_as_a_whole(simulator, document):
    """400 when a message could not even be named in the answer, and none of the batch is taken."""
    answer = simulator.post("/v1/batches", document)
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")
    if isinstance(document, dict) and document.get("messages"):
        first = document["messages"][0]
        assert simulator.get(f"/v1/messages?client_reference={first['client_reference']}").status == 404


def test_a_full_batch(simulator):
    """A thousand messages of ten segments are taken with one call, each with a reference of its own."""
    documents = [message("233200000905", "字" * 670) for _ in range(1000)]
    body = json.dumps({"messages": documents}, ensure_ascii=False).encode()  # as our service writes it: no escapes
    answer = call("POST", f"{simulator.url}/v1/batches", body)
    results = answer.json()["results"]
    assert [one["client_reference"] for one in results] == [one["client_reference"] for one in documents]
    assert len({one["reference"] for one in results}) == 1000


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/batches"])
def test_a_large_body_is_refused(simulator, path):
    """413 for a body beyond the limit: before it is read where its length was announced, or else while it is."""
    large = b" " * (LARGEST_BODY + 1)
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large)
    for body, headers in (
        (None, {"Content-Length": str(len(large))}),
        (large, {}),
        (chunked, {"Transfer-Encoding": "chunked"}),
    ):
        answer = call("POST", f"{simulator.url}{path}", body, headers)
        assert (answer.status, answer.json()["code"]) == (413, "too_large")


def test_a_wrong_path_or_method_is_refused(simulator):
    """404 and 405 in the same words as every other refusal."""
    for method, path, status, code in [
        ("GET", "/", 404, "not_found"),
        ("POST", "/v1/messages/", 404, "not_found"),
        ("GET", "/v1/batches", 405, "bad_method"),
        ("DELETE", "/v1/messages", 405, "bad_method"),
        ("POST", "/healthz", 405, "bad_method"),
    ]:
        answer = call(method, f"{simulator.url}{path}")
        assert (answer.status, answer.json()["code"]) == (status, code), path


def test_look_up(simulator, sink):
    """The latest reference, how often the client reference was taken, and the latest receipt; 404 and 400 without."""
    document = message()
    references = [simulator.post("/v1/messages", document).json()["reference"] for _ in range(2)]
    sink.wait_for(document["client_reference"], 2)
    expected = {"reference": references[1], "to": document["to"], "submits": 2, "receipt": "DELIVERED"}
    assert simulator.look_up(document["client_reference"]) == expected
    assert simulator.get("/v1/messages?client_reference=nobody").status == 404
    assert simulator.get("/v1/messages").status == 400


def test_submits_are_counted_from_outside(simulator):
    """Each message of a recipient or a client reference is told with how often it was taken, and as what."""
    one = message("233240007001", "first")
    again = message("+233240007001", "first")
    other = message("233240007001", "second")
    for document in (one, again, other, other):
        simulator.post("/v1/messages", document)
    first = {
        "from": "MyCorp",
        "to": "233240007001",
        "text": "first",
        "submits": 2,
        "client_references": [one["client_reference"], again["client_reference"]],
    }
    second = {**first, "text": "second", "client_references": [other["client_reference"]] * 2}
    for to in ("233240007001", "+233240007001", "%2B233240007001"):
        assert simulator.get(f"/v1/submits?to={to}").json() == {"submits": 4, "messages": [first, second]}
    assert simulator.get(f"/v1/submits?client_reference={one['client_reference']}").json() == {
        "submits": 1,
        "messages": [{**first, "submits": 1, "client_references": [one["client_reference"]]}],
    }
    both = f"to=233240007001&client_reference={other['client_reference']}&at_least=2"
    assert simulator.get(f"/v1/submits?{both}").json() == {"submits": 2, "messages": [second]}
    assert first in simulator.get("/v1/submits?at_least=2").json()["messages"]
    assert simulator.get("/v1/submits?to=233240007002").json() == {"submits": 0, "messages": []}


@pytest.mark.parametrize("query", ["", "?at_least=1", "?at_least=x&to=1", "?at_least=-2", "?to=", "?at_least=²"])
def test_counting_needs_a_question(simulator, query):
    """400 for a query that would return everything, or that makes no sense."""
    answer = call("GET", f"{simulator.url}/v1/submits{query.replace('²', '%C2%B2')}")
    assert (answer.status, answer.json()["code"]) == (400, "invalid_request")
