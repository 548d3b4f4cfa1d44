"""SMPP 3.4 and 5.0, as a transceiver: the wire itself is in `sms.smpp`.

Sources: SMPP Protocol Specification 3.4, issue 1.2, and 5.0. What differs from SMSC to SMSC is an option. Why it is
made as it is: docs/adr/0009-smpp.md.
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import Final, TypeVar

import structlog

from sms.errors import InvalidInbound, InvalidReceipt, SignatureRefused, Unavailable
from sms.phone_numbers import LONGEST_PARTY
from sms.providers.base import (
    LONGEST_CODE,
    LONGEST_REFERENCE,
    PUSHED,
    DeliveryReport,
    Facts,
    InboundText,
    Option,
    Outcome,
    Part,
    Provider,
    Setup,
    Submission,
    WebhookRequest,
)
from sms.providers.errors import ProviderError
from sms.smpp import inbound, pdu, receipts, texts
from sms.smpp.alphabets import Alphabet
from sms.smpp.link import Link, Smsc
from sms.smpp.pdu import Malformed, Message, Pdu
from sms.smpp.receipts import IdBase
from sms.smpp.repeats import Repeats
from sms.smpp.session import NoAnswer, NotWritten, Reply, Session, Terms
from sms.smpp.texts import LongMessages
from sms.statuses import Status

log = structlog.get_logger(__name__)

Store = Callable[[Sequence[DeliveryReport], Sequence[InboundText]], Awaitable[None]]
Choice = TypeVar("Choice", bound=StrEnum)

# Words of receipts (3.4, 5.2.28 and appendix B) → ours. UNKNOWN is not here: an SMSC that does not know moves nothing.
STATUS_BY_WORD: Final = {
    "SCHEDULED": Status.SENT,
    "ENROUTE": Status.SENT,
    "ACCEPTD": Status.SENT,
    "DELIVRD": Status.DELIVERED,
    "EXPIRED": Status.EXPIRED,
    "DELETED": Status.UNDELIVERED,
    "UNDELIV": Status.UNDELIVERED,
    "REJECTD": Status.REJECTED,
    "SKIPPED": Status.UNDELIVERED,  # 5.0
}
# command_status of the answer (3.4, 5.1.3). Every other one but 0 is a refusal, too, and UNCLASSIFIED: 0x45 above all,
# which says "failed", and what SMSCs add from 0x400 on.
ERROR_BY_STATUS: Final = {
    "0x1": ProviderError.CONTENT_INVALID,  # message length
    "0x4": ProviderError.PROVIDER_UNAVAILABLE,  # not bound
    "0x8": ProviderError.PROVIDER_UNAVAILABLE,  # system error
    "0xa": ProviderError.SENDER_NOT_ALLOWED,
    "0xb": ProviderError.INVALID_DESTINATION,
    "0xd": ProviderError.PROVIDER_AUTH,
    "0xe": ProviderError.PROVIDER_AUTH,
    "0xf": ProviderError.PROVIDER_AUTH,
    "0x14": ProviderError.PROVIDER_THROTTLED,  # queue full
    "0x48": ProviderError.SENDER_NOT_ALLOWED,  # its type of number
    "0x49": ProviderError.SENDER_NOT_ALLOWED,  # its numbering plan
    "0x50": ProviderError.INVALID_DESTINATION,
    "0x51": ProviderError.INVALID_DESTINATION,
    "0x58": ProviderError.PROVIDER_THROTTLED,
    "0x64": ProviderError.PROVIDER_UNAVAILABLE,
    "0xfe": ProviderError.NETWORK_FAILURE,
    # Of 5.0 [M].
    "0x100": ProviderError.PROVIDER_AUTH,
    "0x101": ProviderError.PROVIDER_AUTH,
    "0x102": ProviderError.PROVIDER_UNAVAILABLE,
    "0x103": ProviderError.PROVIDER_AUTH,
    "0x104": ProviderError.CONTENT_INVALID,  # data coding
}
# network_error_code of receipts, type 3 (GSM): the errors of MAP, 3GPP TS 29.002, 17.6.6 [M].
ERROR_OF_NETWORK: Final = {
    "3:1": ProviderError.INVALID_DESTINATION,  # unknown subscriber
    "3:5": ProviderError.INVALID_DESTINATION,  # unidentified subscriber
    "3:6": ProviderError.ABSENT_SUBSCRIBER,
    "3:9": ProviderError.RECIPIENT_BARRED,  # illegal subscriber
    "3:11": ProviderError.NOT_SMS_CAPABLE,  # teleservice not provisioned
    "3:12": ProviderError.RECIPIENT_BARRED,  # illegal equipment
    "3:13": ProviderError.RECIPIENT_BARRED,  # call barred
    "3:21": ProviderError.NOT_SMS_CAPABLE,  # facility not supported
    "3:27": ProviderError.ABSENT_SUBSCRIBER,
    "3:31": ProviderError.HANDSET_BUSY_OR_FULL,
    "3:32": ProviderError.NETWORK_FAILURE,  # delivery failure
    "3:33": ProviderError.NETWORK_FAILURE,  # message waiting list full
    "3:34": ProviderError.NETWORK_FAILURE,  # system failure
    "3:35": ProviderError.NETWORK_FAILURE,
    "3:36": ProviderError.NETWORK_FAILURE,
}
ERROR_OF_WORD: Final = {"EXPIRED": ProviderError.EXPIRED_CARRIER}
VERSIONS: Final = {"3.4": 0x34, "5.0": 0x50}


class Smpp(Provider):
    """Submits through the connection that `keep_bound` keeps, in the process that runs that. Others are not bound."""

    STATUS_BY_WORD = STATUS_BY_WORD
    ERROR_BY_CODE = MappingProxyType(ERROR_BY_STATUS | ERROR_OF_NETWORK)
    HAS_OWN_PROCESS = True
    FACTS = Facts(
        title="SMPP 3.4 and 5.0",
        signature="none: receipts and texts come through the connection that we open; TLS is an option",
        receipts=PUSHED,
        inbound=True,
        look_up=False,
        batch=1,
        window=100,
        idempotent=False,
        validity=True,
        source="SMPP Protocol Specification 3.4 issue 1.2, and 5.0",
    )
    OPTIONS = (
        Option("host", "The SMSC's host name or address."),
        Option("port", "Its port.", default="2775"),
        Option("system_id", "Our name there."),
        Option("password", "Our password there.", is_secret=True),
        Option("system_type", "Our system type, where the SMSC asks for one.", default=""),
        Option("version", "3.4 or 5.0.", default="3.4"),
        Option("tls", "yes for a connection in TLS, else no.", default="no"),
        Option("window", "Submits that may wait for their answer, as agreed with the SMSC.", default="100"),
        Option("enquire_link", "Seconds between two questions whether the SMSC lives.", default="30"),
        Option("data_coding", "What the SMSC's default alphabet is: gsm, latin1 or ascii.", default="gsm"),
        Option("long_messages", "Long texts in parts that we join (udh), or whole (payload).", default="udh"),
        Option(
            "id_base",
            "How the SMSC writes ids: as_is, or hex_to_decimal or decimal_to_hex from its answers to its receipts.",
            default="as_is",
        ),
    )

    def __init__(
        self,
        name: str,
        *,
        smsc: Smsc,
        terms: Terms,
        alphabet: Alphabet = Alphabet.GSM,
        long_messages: LongMessages = LongMessages.UDH,
        id_base: IdBase = IdBase.AS_IS,
    ) -> None:
        # Twice what may be under way there, so that the SMSC has one half while we write down the other.
        super().__init__(name, patience=terms.timeout, window=2 * terms.window)
        self._link = Link(smsc, terms, name=name)
        self._alphabet = alphabet
        self._long_messages = long_messages
        self._id_base = id_base
        self._references = itertools.count(random.randrange(256))  # noqa: S311  (processes shall differ, mostly)
        self._repeats = Repeats()

    @classmethod
    def from_setup(cls, setup: Setup) -> "Smpp":
        """Make the provider of a route. Raises ValueError with a sentence for an option that cannot be right."""
        version, tls = setup.option("version"), setup.option("tls")
        if version not in VERSIONS:
            raise ValueError("version is 3.4 or 5.0")
        if tls not in {"yes", "no"}:
            raise ValueError("tls is yes or no")
        smsc = Smsc(
            host=setup.option("host"),
            port=_number(setup, "port", most=65_535),
            system_id=setup.option("system_id"),
            password=setup.option("password"),
            system_type=setup.option("system_type"),
            version=VERSIONS[version],
            tls=tls == "yes",
        )
        try:
            smsc.bind_body()
        except ValueError:
            raise ValueError("system_id, password and system_type are texts of ASCII") from None
        terms = Terms(
            window=_number(setup, "window", most=1_000),
            timeout=setup.timeout,
            enquire_link=_number(setup, "enquire_link", most=3_600),
        )
        return cls(
            setup.route,
            smsc=smsc,
            terms=terms,
            alphabet=_choice(setup, "data_coding", Alphabet),
            long_messages=_choice(setup, "long_messages", LongMessages),
            id_base=_choice(setup, "id_base", IdBase),
        )

    @property
    def is_bound(self) -> bool:
        """Whether this process has a connection to the SMSC now."""
        return self._link.session is not None

    async def keep_bound(self, store: Store, *, stop: asyncio.Event) -> None:
        """Stay bound until `stop`, and unbind then, when all that is under way has ended.

        `store` is called with what the SMSC brings, which is answered when it has returned. Where it raises
        Unavailable, the SMSC is told to bring it again. It must store a text once by its reference: it may come twice.
        """

        async def take(one: Pdu) -> Reply:
            return await self._take(one, store)

        await self._link.keep(take, lost=self._repeats.lost, stop=stop)

    async def submit_one(self, submission: Submission, *, deadline: float) -> Outcome:
        """Hand over one message, all its parts in order. It is SENT when the SMSC took the last of them.

        A part after the first that the SMSC has no room for is tried again: the parts before it are there already.
        """
        session = self._link.session
        if session is None:
            return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, "not bound")
        message_id = ""
        bodies = self._bodies(submission)
        for number, body in enumerate(bodies, 1):
            ended = await _hand_over(session, body, deadline=deadline)
            while number > 1 and isinstance(ended, Outcome) and ended.error is ProviderError.PROVIDER_THROTTLED:
                ended = await _hand_over(session, body, deadline=deadline)  # which waits by itself
            if isinstance(ended, Outcome):
                return ended if number == 1 else Outcome.maybe_sent(f"part {number} of {len(bodies)}: {ended.detail}")
            message_id = ended
        return Outcome.sent(self._id_base.of_answer(message_id) if message_id else str(submission.attempt_id))

    def _bodies(self, submission: Submission) -> Sequence[bytes]:
        """Return what to submit. Only the last part asks for a receipt: its id is the one that is kept."""
        found = texts.pieces(
            submission.text,
            alphabet=self._alphabet,
            long_messages=self._long_messages,
            references=self._references,
        )
        return [
            pdu.encode_message(
                Message(
                    source=texts.source(submission.sender_id),
                    destination=texts.destination(submission.recipient),
                    text=piece.text,
                    data_coding=piece.data_coding,
                    esm_class=piece.esm_class,
                    validity="" if submission.valid_for is None else texts.validity(submission.valid_for),
                    registered_delivery=int(piece is found[-1]),
                    tlvs=piece.tlvs,
                )
            )
            for piece in found
        ]

    async def _take(self, one: Pdu, store: Store) -> Reply:
        """Store what the SMSC brings, and return the answer."""
        try:
            message = pdu.decode_data(one.body) if one.command == pdu.DATA_SM else pdu.decode_message(one.body)
        except Malformed as error:
            log.warning("smpp_malformed", route=self.name, error=str(error))
            return Reply(pdu.REFUSED)
        if receipts.is_receipt(message):
            return Reply(await self._take_receipt(message, one.body, store))
        arrival = self._repeats.arrive(one.body)
        text = _inbound_text(message, inbound.read(message, alphabet=self._alphabet), arrival.reference, one.body)
        status = await _stored(store([], [text]))
        self._repeats.answered(arrival, is_stored=status == pdu.OK)
        return Reply(status, partial(self._repeats.read, arrival))

    async def _take_receipt(self, message: Message, body: bytes, store: Store) -> int:
        receipt = receipts.read(message, self._id_base)
        if receipt is None:  # to bring it again would not make it any better
            log.warning("smpp_receipt_of_nothing", route=self.name)
            return pdu.OK
        report = DeliveryReport(
            provider_reference=receipt.message_id[:LONGEST_REFERENCE],
            provider_status=receipt.word[:LONGEST_CODE],
            status=STATUS_BY_WORD.get(receipt.word),
            error=_error(receipt.word, receipt.error),
            provider_error=receipt.error and receipt.error[:LONGEST_CODE],
            body=body,
        )
        return await _stored(store([report], []))

    def verify(self, request: WebhookRequest) -> None:  # noqa: ARG002  whatever it is
        """Refuse: nothing of this provider comes by HTTP."""
        raise SignatureRefused("An SMSC brings receipts and texts through its own connection.")

    def inbound(self, request: WebhookRequest) -> Sequence[InboundText]:  # noqa: ARG002
        """Refuse: nothing of this provider comes by HTTP."""
        raise InvalidInbound("An SMSC brings receipts and texts through its own connection.")

    def receipts(self, request: WebhookRequest) -> Sequence[DeliveryReport]:  # noqa: ARG002
        """Refuse: nothing of this provider comes by HTTP."""
        raise InvalidReceipt("An SMSC brings receipts and texts through its own connection.")


async def _hand_over(session: Session, body: bytes, *, deadline: float) -> str | Outcome:
    """Submit one short message, and return the SMSC's id for it, or the outcome if that did not take it for sure."""
    try:
        answer = await session.submit(body, deadline=deadline)
    except NotWritten as error:
        return Outcome.not_sent(ProviderError.PROVIDER_UNAVAILABLE, str(error))
    except NoAnswer as error:
        return Outcome.maybe_sent(str(error))
    if answer.status != pdu.OK:
        code = f"{answer.status:#x}"
        refusal = ERROR_BY_STATUS.get(code, ProviderError.UNCLASSIFIED)
        return Outcome.not_sent(refusal, f"command_status {code}", provider_error=code)
    if answer.command == pdu.GENERIC_NACK:
        return Outcome.maybe_sent("a refusal that says that all is well")
    return pdu.first_text(answer.body)


async def _stored(storing: Awaitable[None]) -> int:
    try:
        await storing
    except Unavailable:
        return pdu.TRY_AGAIN
    return pdu.OK


def _inbound_text(message: Message, read: inbound.Text, reference: str, body: bytes) -> InboundText:
    part = None
    if (of := read.part) is not None:
        part = Part(str(of.reference), of.number, of.total)
    return InboundText(
        provider_reference=reference,
        sender=texts.number(message.source)[:LONGEST_PARTY],
        recipient=texts.number(message.destination)[:LONGEST_PARTY],
        text=read.text,
        part=part,
        body=body,
    )


def _error(word: str, code: str | None) -> ProviderError | None:
    if (error := ERROR_OF_NETWORK.get(code or "") or ERROR_OF_WORD.get(word)) is not None:
        return error
    return None if code is None else ProviderError.UNCLASSIFIED


def _number(setup: Setup, name: str, *, most: int) -> int:
    said = setup.option(name)
    if not (said.isascii() and said.isdigit() and 1 <= int(said[:9]) <= most):
        raise ValueError(f"{name} is a number from 1 to {most:,}")
    return int(said)


def _choice(setup: Setup, name: str, choices: type[Choice]) -> Choice:
    try:
        return choices(setup.option(name))
    except ValueError:
        raise ValueError(f"{name} is {' or '.join(choices)}") from None
