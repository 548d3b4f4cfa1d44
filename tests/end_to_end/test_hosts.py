"""The service answers to its own names only, so that no page from elsewhere can make itself the same origin."""

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.http import call

BODY = {"sender_id": "MyCorp", "recipient": "233200000901", "text": "Hello"}


@pytest.mark.parametrize("path", ["/api/messages/", "/graphql/", "/api/webhooks/dlr/", "/healthz", "/nowhere"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8080", "127.0.0.1@evil.example"]
)
def test_another_host_name_is_refused(stack, path, host):
    """A request that names a host which is not ours is a 400, whatever it asks for."""
    answer = call("POST", f"{stack.url}{path}", BODY, {"Host": host})
    assert (answer.status, answer.json()["code"]) == (400, "INVALID_REQUEST")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1234", "[::1]:8080"])
def test_our_own_names_are_answered(stack, host):
    """With and without a port."""
    assert call("GET", f"{stack.url}/healthz", headers={"Host": host}).status == 200


def test_a_socket_for_another_host_is_refused(stack):
    """The handshake is refused before anything is said."""
    with (
        pytest.raises(InvalidStatus),
        connect(
            stack.websocket_url.replace("127.0.0.1", "localhost"),
            subprotocols=["graphql-transport-ws"],
            additional_headers={"Host": "evil.example"},
        ),
    ):
        pass
