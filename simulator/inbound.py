"""Texts from handsets on their way to the service: signed as receipts are, and tried again as they are."""

import asyncio
import logging
from datetime import UTC, datetime
from http import HTTPStatus
from secrets import token_hex
from typing import Any, Self
from urllib.parse import urljoin

import orjson

from simulator.phone_numbers import mask
from simulator.receipts import Letter, signed
from simulator.settings import Settings
from simulator.webhook import Webhook
from simulator.wire import Inbound, Refused

log = logging.getLogger("simulator")

CONNECTIONS = 8
MOST_OPEN = 1_000
FIRST_RETRY, LONGEST_RETRY = 0.2, 5.0  # seconds
GIVE_UP = 600.0  # seconds after the first try
BESIDE_RECEIPTS = "../simulator/inbound/"  # as seen from the address for receipts


class Handsets:
    """Sends texts while it is entered; what is left when it is closed is lost."""

    def __init__(self, settings: Settings) -> None:
        self._url = urljoin(settings.webhook_url, BESIDE_RECEIPTS)
        self._secret = settings.signing_secret.encode()
        self._open: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Open the way to the service."""
        self._webhook = Webhook(self._url, connections=CONNECTIONS)
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Stop at once."""
        for one in self._open:
            one.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._webhook.close()

    def send(self, text: Inbound) -> str:
        """Set a text going, and return its reference. Raises Refused while too many are under way."""
        if len(self._open) >= MOST_OPEN:
            said = "Too many texts are under way; try again later."
            raise Refused("unavailable", said, status=HTTPStatus.SERVICE_UNAVAILABLE)
        reference = text.reference or f"sim-mo-{token_hex(16)}"
        task = asyncio.create_task(self._deliver(text, reference, self._letter(text, reference)))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        return reference

    def _letter(self, text: Inbound, reference: str) -> Letter:
        document: dict[str, Any] = {
            "reference": reference,
            "from": text.sender,
            "to": text.to,
            "text": text.text,
            "received_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if text.part is not None:
            document["part"] = text.part
        body = orjson.dumps(document)
        return Letter(body, signed(body, self._secret))

    async def _deliver(self, text: Inbound, reference: str, letter: Letter) -> None:
        loop = asyncio.get_running_loop()
        end, wait = loop.time() + GIVE_UP, FIRST_RETRY
        while (status := await self._webhook.post(letter)) is None and loop.time() + wait < end:
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_RETRY)
        if status is None or status >= HTTPStatus.MULTIPLE_CHOICES:
            log.warning("inbound_refused reference=%s from=%s status=%s", reference, mask(text.sender), status)
