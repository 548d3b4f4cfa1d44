"""What a provider's requests mean, as a settings file says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from sms.errors import InvalidReceipt
from sms.phone_numbers import LONGEST_PARTY
from sms.providers import payloads
from sms.providers.base import LONGEST_REFERENCE, DeliveryReport, InboundText, WebhookRequest
from sms.providers.errors import ProviderError
from sms.providers.generic.places import at, word_at
from sms.providers.generic.table import Table
from sms.statuses import Status

# What a receipt can bring about, and what these words mean where the file says nothing else: our own.
REACHABLE: Final = (
    Status.SENT, Status.DELIVERED, Status.UNDELIVERED, Status.FAILED, Status.REJECTED, Status.EXPIRED,
)  # fmt: skip
OUR_WORDS: Final[Mapping[str, Status]] = {one.value: one for one in REACHABLE}


@dataclass(frozen=True, slots=True)
class Items:
    """Where in a request the things are that it tells of."""

    format: str
    inside: str | None  # the path of a text that has the JSON in it
    each: str | None  # the path of a list
    only: str | None  # a path whose word says whether a thing is meant
    words: Sequence[str]

    @classmethod
    def read(cls, table: Table) -> "Items":
        """Read what [receipts] and [inbound] have in common. Raises ValueError with a sentence."""
        found = cls(
            format=table.choice("format", ("json", "form"), "json"),
            inside=table.perhaps("inside"),
            each=table.perhaps("each"),
            only=table.perhaps("only"),
            words=table.texts("only_words"),
        )
        if (found.only is None) != (not found.words):
            raise table.wrong("only_words", "lists the words at 'only' that count: neither goes without the other.")
        return found

    def of(self, request: WebhookRequest) -> Iterator[tuple[Any, bytes | None]]:
        """Yield each thing, with its own part of the body where there may be several. Raises InvalidReceipt."""
        document: Any = payloads.document(request) if self.format == "json" else payloads.fields(request)
        if self.inside is not None:
            document = _json(word_at(document, self.inside))
        several = [document] if self.each is None else at(document, self.each)
        if not isinstance(several, list):
            raise InvalidReceipt(f"'{self.each}' must be a list.", field=self.each)
        for one in several:
            if self.only is None or word_at(one, self.only) in self.words:
                yield one, None if self.each is None else payloads.written(one)


def _json(text: str | None) -> Any:
    try:
        return orjson.loads(text or "")
    except orjson.JSONDecodeError:
        raise InvalidReceipt("The text in the body is not JSON.") from None


def _text(item: Any, path: str, longest: int = payloads.LONGEST_WORD) -> str:
    return payloads.text({path: word_at(item, path)}, path, longest)


@dataclass(frozen=True, slots=True)
class Receipts:
    """How receipts are read."""

    items: Items
    reference: str | None
    client_reference: str | None
    status: str
    error_code: str | None
    words: Mapping[str, Status]  # by the word without its case
    errors: Mapping[str, ProviderError]

    @classmethod
    def read(cls, table: Table) -> "Receipts":
        """Read the table [receipts]. Raises ValueError with a sentence."""
        found = cls(
            items=Items.read(table),
            reference=table.perhaps("reference"),
            client_reference=table.perhaps("client_reference"),
            status=table.text("status"),
            error_code=table.perhaps("error_code"),
            words={word.casefold(): one for word, one in _words(table).items()},
            errors=table.translation("errors", ProviderError),
        )
        if found.reference is None and found.client_reference is None:
            raise table.wrong(
                "reference", "is missing, and so is 'client_reference': a receipt has to name its message."
            )
        table.finish()
        return found

    def reports(self, request: WebhookRequest) -> Sequence[DeliveryReport]:
        """Translate. Raises InvalidReceipt."""
        return [self._report(item, part) for item, part in self.items.of(request)]

    def _report(self, item: Any, part: bytes | None) -> DeliveryReport:
        word = _text(item, self.status)
        status = self.words.get(word.casefold())
        code = payloads.code(word_at(item, self.error_code))
        error = ProviderError.EXPIRED_CARRIER if status is Status.EXPIRED else None
        if code is not None and status is not Status.DELIVERED and status is not Status.SENT:
            error = self.errors.get(code, error or ProviderError.UNCLASSIFIED)
        return DeliveryReport(
            provider_reference=_text(item, self.reference or self.client_reference or "", LONGEST_REFERENCE),
            provider_status=word,
            status=status,
            client_reference=payloads.uuid(word_at(item, self.client_reference)),
            error=error,
            provider_error=code,
            body=part,
        )


def _words(table: Table) -> Mapping[str, Status]:
    return table.translation("words", REACHABLE) or OUR_WORDS


@dataclass(frozen=True, slots=True)
class Inbound:
    """How texts from handsets are read."""

    items: Items
    reference: str
    sender: str
    recipient: str
    text: str
    received_at: str | None

    @classmethod
    def read(cls, table: Table) -> "Inbound":
        """Read the table [inbound]. Raises ValueError with a sentence."""
        found = cls(
            items=Items.read(table),
            reference=table.text("reference"),
            sender=table.text("sender"),
            recipient=table.text("recipient"),
            text=table.text("text"),
            received_at=table.perhaps("received_at"),
        )
        table.finish()
        return found

    def texts(self, request: WebhookRequest) -> Sequence[InboundText]:
        """Translate. Raises InvalidReceipt."""
        return [self._text(item, part) for item, part in self.items.of(request)]

    def _text(self, item: Any, part: bytes | None) -> InboundText:
        return InboundText(
            provider_reference=_text(item, self.reference, LONGEST_REFERENCE),
            sender=_text(item, self.sender, LONGEST_PARTY),
            recipient=_text(item, self.recipient, LONGEST_PARTY),
            text=payloads.storable(word_at(item, self.text) or ""),
            received_at=_time(word_at(item, self.received_at)),
            body=part,
        )


def _time(text: str | None) -> datetime | None:
    """Return a time in Unix seconds, or one of ISO 8601 with its zone; without one nobody knows which hour it was."""
    if text is None or text.replace(".", "", 1).isdecimal():
        return payloads.unix_time(text)
    return payloads.moment(text)
