"""Send a one-time code, wait for its fate over a websocket, and decide about "send it again", never sending twice.

    pip install "gql[websockets]"
    python examples/otp.py 233200000901        # while `make run` is up

Other numbers have other fates: docs/simulator.md.

It exits 0 when the code was delivered, 1 when it certainly will not be, and 2 when nobody knows yet.
"""

import asyncio
import os
import secrets
import sys
import uuid
from typing import Any

from gql import Client, GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.websockets import WebsocketsTransport

URL = os.environ.get("SMS_URL", "http://127.0.0.1:8080").replace("http", "ws", 1) + "/graphql/"
API_KEY = os.environ.get("SMS_API_KEY")  # not needed for the demo account of `make run`
PATIENCE = float(os.environ.get("SMS_PATIENCE", "20"))  # seconds that a person looks at "the code is on its way"

# After these no text will come any more, so another message is safe. All others, also UNCERTAIN, may still arrive.
NOT_COMING = {"REJECTED", "FAILED", "UNDELIVERED", "EXPIRED", "CANCELED"}

SEND = """
mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    ... on SendMessageSuccess { replayed message { id status } }
    ... on Refusal { code detail }
  }
}
"""
FOLLOW = """
subscription Follow($id: ID!) {
  messageStatus(id: $id, afterSequence: 0) { sequence status final errorCode }
}
"""


async def send(session: AsyncClientSession, *, recipient: str, text: str, key: str) -> dict[str, Any]:
    """Send a code. The same key again returns the message of the first time, whatever has become of it: no second text.

    So repeat it freely, also when no answer came.
    """
    code = {
        "senderId": "MyCorp",
        "recipient": recipient,
        "text": text,
        "idempotencyKey": key,
        "priority": "OTP",  # before everything that is not urgent
        "validFor": 300,  # seconds: nobody wants a code that has expired
    }
    result = (await session.execute(GraphQLRequest(SEND, variable_values={"input": code})))["sendMessage"]
    if "code" in result:  # a refusal is data: a stable code to act on, and a sentence
        sys.exit(f"Refused: {result['code']}: {result['detail']}")
    return dict(result)


async def wait_for_its_fate(session: AsyncClientSession, message_id: str) -> None:
    """Print every change until the last one, or until patience ends."""
    changes = session.subscribe(GraphQLRequest(FOLLOW, variable_values={"id": message_id}))
    try:
        async with asyncio.timeout(PATIENCE):
            async for result in changes:  # the server completes it after a final status
                change = result["messageStatus"]
                print(f"#{change['sequence']} {change['status']} {change['errorCode'] or ''}".rstrip(), flush=True)
    except TimeoutError:
        print(f"Nothing final within {PATIENCE:g} s.", flush=True)


async def main(recipient: str) -> int:
    """Send one code, and after a while press "send it again"."""
    text = f"Your code is {secrets.randbelow(1_000_000):06d}"
    key = f"login-{uuid.uuid4()}"  # one for each code: keep both with the login, so that a repeat is the same request
    transport = WebsocketsTransport(URL, init_payload={"authorization": f"Bearer {API_KEY}"} if API_KEY else {})
    async with Client(transport=transport) as session:
        sent = await send(session, recipient=recipient, text=text, key=key)
        await wait_for_its_fate(session, sent["message"]["id"])

        # The person asks for it again: the same request, with the same key.
        again = await send(session, recipient=recipient, text=text, key=key)
        status = again["message"]["status"]
        print(f"again: replayed={again['replayed']} {status}", flush=True)
        if status == "DELIVERED":
            return 0
        if status in NOT_COMING:
            print("It will not come: ask for another number, or send a new code with a new key.")
            return 1
        print("It may still come: do not send another one yet.")
        return 2


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "233200000901")))
