"""Send three messages with different fates, and watch what becomes of them, live.

Run it with `make demo` while `make run` is up. It exits 0 only if every status came that was expected.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request

from websockets.asyncio.client import ClientConnection, connect

URL = os.environ.get("SMS_URL", "http://127.0.0.1:8080")
API_KEY = os.environ.get("DEMO_API_KEY", "")
SENDER_ID = os.environ.get("SENDER_IDS", "MyCorp").split(",")[0]
PATIENCE = 20  # seconds

# The simulator decides by the recipient: docs/simulator.md.
EXPECTED = {
    "233200000901": ["QUEUED", "SENDING", "SENT", "DELIVERED"],
    "233200000902": ["QUEUED", "SENDING", "SENT", "UNDELIVERED"],
    "233200000904": ["QUEUED", "SENDING", "REJECTED"],
}

SEND = """
mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    ... on SendMessageSuccess { message { id } }
    ... on Refusal { code detail }
  }
}
"""

WATCH = """
subscription Watch($id: ID!) {
  messageStatus(id: $id, afterSequence: 0) { sequence status final errorCode }
}
"""


class Refused(Exception):
    """The service said no."""


def send(recipient: str) -> str:
    """Send one message and return its id."""
    message = {"senderId": SENDER_ID, "recipient": recipient, "text": "Hello from the demo"}
    body = json.dumps({"query": SEND, "variables": {"input": message}}).encode()
    headers = {"Content-Type": "application/json", **authorization()}
    request = urllib.request.Request(f"{URL}/graphql/", body, headers)  # noqa: S310  (our own address)
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        answer = json.load(response)
    result = (answer.get("data") or {}).get("sendMessage", {})
    if "message" not in result:
        raise Refused(f"The message was refused: {json.dumps(answer)}")
    return str(result["message"]["id"])


def authorization() -> dict[str, str]:
    """Return the header that says who we are; without a key, the demo account is used where that is allowed."""
    return {"Authorization": f"Bearer {API_KEY}"} if API_KEY else {}


async def watch(recipient: str) -> list[str]:
    """Send to one recipient and print each change of status as it arrives; return them all."""
    begun = time.monotonic()
    message_id = await asyncio.to_thread(send, recipient)
    seen: list[str] = []
    address = URL.replace("http", "ws", 1) + "/graphql/"
    async with connect(address, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await start_subscription(socket, message_id)
        async for frame in socket:
            message = json.loads(frame)
            if message["type"] != "next":
                break
            event = message["payload"]["data"]["messageStatus"]
            seen.append(event["status"])
            elapsed = (time.monotonic() - begun) * 1000
            reason = f"  {event['errorCode']}" if event["errorCode"] else ""
            print(f"{elapsed:7.0f} ms  {recipient}  #{event['sequence']} {event['status']}{reason}", flush=True)
    return seen


async def start_subscription(socket: ClientConnection, message_id: str) -> None:
    """Say hello, and ask for every change of one message from its first on."""
    await socket.send(
        json.dumps({"type": "connection_init", "payload": {k.lower(): v for k, v in authorization().items()}})
    )
    answer = json.loads(await socket.recv())
    if answer["type"] != "connection_ack":
        raise Refused(f"The socket was refused: {answer}")
    payload = {"query": WATCH, "variables": {"id": message_id}}
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": payload}))


async def main() -> int:
    """Watch all three at once and compare."""
    print(f"Three messages through {URL}, each with a fate of its own:\n")
    async with asyncio.timeout(PATIENCE):
        seen = await asyncio.gather(*(watch(recipient) for recipient in EXPECTED))
    wrong = [
        f"{recipient}: expected {' → '.join(expected)}, saw {' → '.join(got) or 'nothing'}"
        for (recipient, expected), got in zip(EXPECTED.items(), seen, strict=True)
        if got != expected
    ]
    print("\n" + ("\n".join(wrong) or "Every expected status came."))
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except Refused as error:
        sys.exit(str(error))
    except (OSError, TimeoutError) as error:
        sys.exit(f"No luck with {URL}: {error or 'not everything came in time'}. Is `make run` up?")
