"""The requests of the benchmarks, as bytes that only lack their key."""

import hashlib
import hmac
import json

from benchmarks.load.sources import KEY

API_KEY = "sms_live_only-the-benchmarks-have-it"
SECRET = "only-the-benchmarks-sign-with-this"
RECIPIENT = "233200000901"
TEXT = "Your code is 493021. It is valid for ten minutes."

SEND = """mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessageSuccess { message { id status } }
    ... on Refusal { code detail }
  }
}"""


def rest_send(*, key: str = KEY, recipient: str = RECIPIENT) -> str:
    """`POST /api/messages/`."""
    body = json.dumps({"sender_id": "MyCorp", "recipient": recipient, "text": TEXT})
    return _post("/api/messages/", body, f"Authorization: Bearer {API_KEY}", f"Idempotency-Key: {key}")


def graphql_send() -> str:
    """`sendMessage`."""
    message = {"senderId": "MyCorp", "recipient": RECIPIENT, "text": TEXT, "idempotencyKey": KEY}
    body = json.dumps({"query": SEND, "variables": {"input": message}})
    return _post("/graphql/", body, f"Authorization: Bearer {API_KEY}")


def receipt(*, reference: str, client_reference: str, status: str = "DELIVERED") -> str:
    """`POST /api/webhooks/dlr/`, signed."""
    body = json.dumps({"provider_reference": reference, "status": status, "client_reference": client_reference})
    signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    return _post("/api/webhooks/dlr/", body, f"X-Provider-Signature: {signature}")


def _post(path: str, body: str, *headers: str) -> str:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body.encode())}",
        *headers,
    ]
    return "\r\n".join(lines) + "\r\n\r\n" + body
