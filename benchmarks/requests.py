"""The requests of the benchmarks, as bytes that only lack their key."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence

from benchmarks.load.sources import DIGITS, KEY

API_KEY = "sms_live_only-the-benchmarks-have-it"
SECRET = "only-the-benchmarks-sign-with-this"
RECIPIENT = f"23320{DIGITS}"
TEXT = "Your code is 493021. It is valid for ten minutes."

SEND = """mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessageSuccess { message { id status } }
    ... on Refusal { code detail }
  }
}"""

BATCH = 500  # messages a request, where a request brings many
SEND_MANY = """mutation SendMany($input: SendMessagesInput!) {
  sendMessages(input: $input) {
    __typename
    ... on SendMessagesPayload { accepted results { message { id status } refusal { code detail } } }
    ... on Refusal { code detail }
  }
}"""


def rest_send(*, key: str = KEY, recipient: str = RECIPIENT) -> str:
    """`POST /api/messages/`."""
    body = json.dumps({"sender_id": "MyCorp", "recipient": recipient, "text": TEXT})
    return _post("/api/messages/", body, f"Authorization: Bearer {API_KEY}", f"Idempotency-Key: {key}")


def graphql_send() -> str:
    """`sendMessage`."""
    message = {"idempotencyKey": KEY, "senderId": "MyCorp", "recipient": RECIPIENT, "text": TEXT}
    body = json.dumps({"query": SEND, "variables": {"input": message}})
    return _post("/graphql/", body, f"Authorization: Bearer {API_KEY}")


def texts() -> list[str]:
    """Return the texts of a batch: as long as TEXT, and no two the same, for equal messages would be one."""
    return [TEXT.replace("493021", str(493021 + number)) for number in range(BATCH)]


def graphql_send_many() -> str:
    """`sendMessages` with a batch."""
    messages = [{"senderId": "MyCorp", "recipient": RECIPIENT, "text": text} for text in texts()]
    variables = {"input": {"idempotencyKey": KEY, "messages": messages}}
    return _post(
        "/graphql/", json.dumps({"query": SEND_MANY, "variables": variables}), f"Authorization: Bearer {API_KEY}"
    )


def rest_send_many() -> str:
    """`POST /api/messages/batch/`."""
    messages = [{"sender_id": "MyCorp", "recipient": RECIPIENT, "text": text} for text in texts()]
    body = json.dumps({"messages": messages})
    return _post("/api/messages/batch/", body, f"Authorization: Bearer {API_KEY}", f"Idempotency-Key: {KEY}")


def receipt(*, reference: str, client_reference: str, status: str = "DELIVERED") -> str:
    """`POST /api/webhooks/dlr/`, signed."""
    return receipts([receipt_of(reference=reference, client_reference=client_reference, status=status)])


def receipt_of(*, reference: str, client_reference: str, status: str = "DELIVERED") -> dict[str, str]:
    """Return what a receipt says."""
    return {"provider_reference": reference, "status": status, "client_reference": client_reference}


def receipts(told: Sequence[Mapping[str, str]]) -> str:
    """`POST /api/webhooks/dlr/`, signed: one receipt, or a list of several."""
    body = json.dumps(told[0] if len(told) == 1 else told)
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
