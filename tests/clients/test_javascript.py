"""Clients as people use them: each sends a message, follows it to its end in its own way, and looks at it."""

import pytest

EVENTS = [
    {"sequence": 1, "status": "QUEUED"},
    {"sequence": 2, "status": "SENDING"},
    {"sequence": 3, "status": "SENT"},
    {"sequence": 4, "status": "DELIVERED"},
]


@pytest.mark.parametrize("client", ["apollo", "graphql_sse", "graphql_ws", "relay", "urql"])
def test_a_client_follows_its_message_to_the_end(stack, node, client):
    """Query, mutation, and a subscription that tells every change and completes."""
    told = node(f"{client}.js", f"{stack.url}/graphql/", stack.api_key)
    assert stack.message(told.pop("id"))["status"] == "DELIVERED"
    assert told == {"sent": "QUEUED", "events": EVENTS, "found": "DELIVERED"}
