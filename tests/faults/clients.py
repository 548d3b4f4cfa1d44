"""Clients that behave well: a key for every message, and the same request again while nobody has answered it."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import aiohttp

from tests.faults.plan import Plan, Planned

CLIENTS = 12
TIMEOUT = 8.0  # seconds for one answer
GIVES_UP = 60.0  # seconds for one message
FIRST_WAIT, LONGEST_WAIT = 0.1, 1.0
SEND = """
mutation Send($input: SendMessageInput!) {
  sendMessage(input: $input) {
    __typename
    ... on SendMessageSuccess { replayed message { id } }
    ... on InvalidMessage { code }
    ... on IdempotencyConflict { code }
  }
}
"""
TRY_AGAIN = {"SERVICE_UNAVAILABLE", "OVERLOADED"}


class NoAnswer(Exception):
    """Nothing was promised: the same request may go out again."""


class Refused(Exception):
    """A clear no to a request that is good."""


@dataclass(slots=True)
class Load:
    """Sends a plan at a steady rate over a few connections that are kept."""

    url: str
    api_key: str
    plan: Plan
    rate: float  # messages a second
    on_accepted: Callable[[Planned, str], None] = lambda *_: None
    accepted: dict[int, str] = field(default_factory=dict)  # number → id
    unanswered: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # how long each answer took that came at the first try
    most_tries: int = 0
    no_answers: dict[str, int] = field(default_factory=dict)  # what came instead of an answer → how often
    done: bool = False

    async def run(self) -> None:
        """Send everything."""
        begun = time.monotonic()
        pending = iter(self.plan.messages)
        connector = aiohttp.TCPConnector(limit=CLIENTS, force_close=False)
        limits = aiohttp.ClientTimeout(total=TIMEOUT)
        headers = {"Authorization": f"Bearer {self.api_key}"}
        try:
            async with aiohttp.ClientSession(connector=connector, timeout=limits, headers=headers) as session:
                await asyncio.gather(*(self._client(session, pending, begun) for _ in range(CLIENTS)))
        finally:
            self.done = True

    async def _client(self, session: aiohttp.ClientSession, pending: Iterator[Planned], begun: float) -> None:
        for planned in pending:
            await asyncio.sleep(begun + planned.number / self.rate - time.monotonic())
            try:
                await self._send(session, planned)
            except Refused as refused:
                self.refused.append(f"{planned.text}: {refused}")

    async def _send(self, session: aiohttp.ClientSession, planned: Planned) -> None:
        begun, wait, tries = time.monotonic(), FIRST_WAIT, 1
        while True:
            try:
                message_id = await send(session, self.url, planned)
            except NoAnswer as no_answer:
                reason = str(no_answer)
                self.no_answers[reason] = self.no_answers.get(reason, 0) + 1
                if time.monotonic() - begun > GIVES_UP:
                    self.unanswered.append(planned.number)
                    return
                await asyncio.sleep(wait)
                wait, tries = min(2 * wait, LONGEST_WAIT), tries + 1
                self.most_tries = max(self.most_tries, tries)
                continue
            self.accepted[planned.number] = message_id
            self.most_tries = max(self.most_tries, tries)
            if tries == 1:
                self.seconds.append(time.monotonic() - begun)
            self.on_accepted(planned, message_id)
            return


async def send(session: aiohttp.ClientSession, url: str, planned: Planned) -> str:
    """Send one message through its door and return its id. Raises NoAnswer or Refused."""
    through = _through_rest if planned.door == "rest" else _through_graphql
    try:
        return await through(session, url, planned)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise NoAnswer(repr(error)) from None


async def _through_rest(session: aiohttp.ClientSession, url: str, planned: Planned) -> str:
    fields = {
        "sender_id": "MyCorp",
        "recipient": planned.recipient,
        "text": planned.text,
        "delivery_policy": planned.policy,
    }
    headers = {"Idempotency-Key": planned.key}
    async with session.post(f"{url}/api/messages/", json=fields, headers=headers) as response:
        body = await response.read()
    if response.status == 503:
        raise NoAnswer("503")
    if response.status != 202:
        raise Refused(f"{response.status} {body[:200]!r}")
    return json.loads(body)["id"]


async def _through_graphql(session: aiohttp.ClientSession, url: str, planned: Planned) -> str:
    given = {
        "senderId": "MyCorp",
        "recipient": planned.recipient,
        "text": planned.text,
        "idempotencyKey": planned.key,
        "deliveryPolicy": planned.policy,
    }
    async with session.post(f"{url}/graphql/", json={"query": SEND, "variables": {"input": given}}) as response:
        body = await response.read()
    content = json.loads(body) if body else {}
    result = (content.get("data") or {}).get("sendMessage") or {}
    if result.get("__typename") == "SendMessageSuccess":
        return result["message"]["id"]
    codes = {error.get("extensions", {}).get("code") for error in content.get("errors", ())}
    if codes and codes <= TRY_AGAIN:
        raise NoAnswer(str(codes))
    raise Refused(f"{response.status} {body[:200]!r}")
