"""Receipts on their way: a script for each message, a fixed number of senders, retries with backoff."""

import asyncio
import logging
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self

from simulator import receipts
from simulator.fates import Fate, Receipt
from simulator.ledger import Taken
from simulator.phone_numbers import mask
from simulator.receipts import Letter
from simulator.schedule import Schedule
from simulator.settings import Settings
from simulator.webhook import Webhook

log = logging.getLogger("simulator")

SENDERS = 32
MOST_OPEN = 200_000  # messages with receipts to send
GAP = 0.2  # seconds from the answer to a receipt to the next one of the same message
FIRST_RETRY, LONGEST_RETRY = 0.2, 5.0  # seconds
GIVE_UP = 600.0  # seconds after the first try


@dataclass(slots=True, eq=False)
class Delivery:
    """One message's receipts: where its script stands, and the letter that is being tried."""

    taken: Taken
    script: tuple[Receipt, ...]
    position: int = 0
    letter: Letter | None = None
    first_try: float = 0.0
    backoff: float = FIRST_RETRY
    tried: asyncio.Future[None] | None = None  # done once the first try has ended


class Outbox:
    """Sends receipts while it is entered. What is left when it is closed is lost, and counted in the log."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._secret = settings.signing_secret.encode()
        self._open = 0

    async def __aenter__(self) -> Self:
        """Start the senders."""
        self._loop = asyncio.get_running_loop()
        self._schedule = Schedule[Delivery]()
        self._webhook = Webhook(self._settings.webhook_url, connections=SENDERS)
        self._senders = [asyncio.create_task(self._send()) for _ in range(SENDERS)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop at once."""
        self._schedule.close()
        for sender in self._senders:
            sender.cancel()
        await asyncio.gather(*self._senders, return_exceptions=True)
        await self._webhook.close()
        if self._open:
            log.warning("receipts_lost messages=%d", self._open)

    @property
    def open(self) -> int:
        """How many messages have receipts to send."""
        return self._open

    @property
    def is_full(self) -> bool:
        """Whether the receipts of one more message could not be kept."""
        return self._open >= MOST_OPEN

    def add(self, taken: Taken, fate: Fate) -> asyncio.Future[None] | None:
        """Set a message's receipts going. Returns a future of the first try where the answer must come after it."""
        if not fate.receipts:
            return None
        delivery = Delivery(taken, fate.receipts)
        self._open += 1
        if fate.receipt_before_answer:
            delivery.tried = self._loop.create_future()
            self._schedule.add(delivery, delay=0)
        else:
            is_late = fate.receipts[0].is_late
            delay = self._settings.late_receipt_delay if is_late else self._settings.receipt_delay
            self._schedule.add(delivery, delay=delay)
        return delivery.tried

    async def _send(self) -> None:
        while True:
            delivery = await self._schedule.next()
            try:
                await self._try(delivery)
            except Exception:
                # A sender must outlive a bug: one after the other they would all be gone, without a word.
                log.exception("receipt_failed reference=%s", delivery.taken.reference)
                self._open -= 1

    async def _try(self, delivery: Delivery) -> None:
        status = await self._webhook.post(self._letter(delivery))
        if delivery.tried is not None and not delivery.tried.done():
            delivery.tried.set_result(None)
        if status is None:
            self._retry(delivery)
            return
        if status >= HTTPStatus.MULTIPLE_CHOICES:
            _log("receipt_refused", delivery, f"status={status}")
        self._go_on(delivery)

    def _letter(self, delivery: Delivery) -> Letter:
        receipt = delivery.script[delivery.position]
        # Compared by identity: the same receipt in a row is a repeat of the very same bytes.
        if delivery.letter is None or delivery.letter.receipt is not receipt:
            delivery.letter = receipts.write(receipt, delivery.taken, secret=self._secret)
            if not receipt.is_forged:
                delivery.taken.receipt = receipt.status
        if not delivery.first_try:
            delivery.first_try = self._loop.time()
        return delivery.letter

    def _retry(self, delivery: Delivery) -> None:
        if self._loop.time() + delivery.backoff - delivery.first_try > GIVE_UP:
            _log("receipt_given_up", delivery, f"seconds={GIVE_UP:.0f}")
            self._open -= 1
            return
        self._schedule.add(delivery, delay=delivery.backoff)
        delivery.backoff = min(delivery.backoff * 2, LONGEST_RETRY)

    def _go_on(self, delivery: Delivery) -> None:
        delivery.position += 1
        if delivery.position == len(delivery.script):
            self._open -= 1
            return
        delivery.first_try = 0.0
        delivery.backoff = FIRST_RETRY
        self._schedule.add(delivery, delay=GAP)


def _log(event: str, delivery: Delivery, fact: str) -> None:
    taken = delivery.taken
    log.warning("%s reference=%s to=%s %s", event, taken.reference, mask(taken.message.to), fact)
